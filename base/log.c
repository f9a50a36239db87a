#include "base/log.h"

#include "base/text.h"
#include "base/units.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

static struct {
    enum log_level level;
    enum log_format format;
    const char *component;
    int64_t (*wall)(void *arg);
    void *wall_arg;
    void (*sink)(void *arg, enum log_level level, const char *line, size_t len);
    void *sink_arg;
    void (*hook)(void *arg, enum log_level level, const char *component, const char *message, size_t len);
    void *hook_arg;
} state = {.level = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

void log_set_level(enum log_level level)
{
    state.level = level;
}

bool log_parse_level(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_format(enum log_format format)
{
    state.format = format;
}

void log_set_component(const char *name)
{
    state.component = name;
}

void log_set_clock(int64_t (*wall)(void *arg), void *arg)
{
    state.wall = wall;
    state.wall_arg = arg;
}

void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line, size_t len), void *arg)
{
    state.sink = sink;
    state.sink_arg = arg;
}

void log_set_hook(void (*hook)(void *arg, enum log_level level, const char *component, const char *message, size_t len),
                  void *arg)
{
    state.hook = hook;
    state.hook_arg = arg;
}

bool log_enabled(enum log_level level)
{
    return level >= state.level && level < LOG_OFF;
}

/* A message stays on its line and sends no commands to the terminal, whatever it quotes. */
static void add_one_line(struct text *t, const char *data, size_t len)
{
    struct bytes b = BYTES(data, len);
    size_t at = 0;
    while (at < len) {
        size_t start = at;
        uint32_t c;
        if (utf8_next(b, &at, &c) && (c >= 0x20 || c == '\t') && !(c >= 0x7F && c < 0xA0))
            text_add(t, data + start, at - start);
        else
            text_printable(t, data + start, at - start, at - start);
    }
}

static void compose(struct text *line, enum log_level level, const char *component, const struct text *message)
{
    char time[32] = "";
    if (state.wall)
        units_format_time(state.wall(state.wall_arg), time, sizeof time);
    if (state.format == LOG_JSON) {
        text_char(line, '{');
        if (time[0])
            text_printf(line, "\"time\":\"%s\",", time);
        text_printf(line, "\"level\":\"%s\",", level_names[level]);
        if (component) {
            text_puts(line, "\"component\":\"");
            text_json(line, component, strlen(component));
            text_puts(line, "\",");
        }
        text_puts(line, "\"message\":\"");
        text_json(line, text_string(message), message->len);
        text_puts(line, "\"}");
        return;
    }
    if (time[0])
        text_printf(line, "%s ", time);
    text_printf(line, "%-5s ", level_names[level]);
    if (component) {
        add_one_line(line, component, strlen(component));
        text_puts(line, ": ");
    }
    add_one_line(line, text_string(message), message->len);
}

static void log_line(enum log_level level, const char *component, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void log_line(enum log_level level, const char *component, const char *format, va_list args)
{
    struct text message = TEXT_INIT, line = TEXT_INIT;
    text_vprintf(&message, format, args);
    compose(&line, level, component ? component : state.component, &message);
    if (state.hook && text_ok(&message))
        state.hook(state.hook_arg, level, component ? component : state.component, text_string(&message), message.len);
    if (!text_ok(&message) || !text_ok(&line)) {
        text_clear(&line);
        text_puts(&line, "out of memory: a log line was lost");
    }
    if (state.sink) {
        if (text_ok(&line))
            state.sink(state.sink_arg, level, text_string(&line), line.len);
        else
            state.sink(state.sink_arg, level, "out of memory", strlen("out of memory"));
    } else {
        /* The newline goes out in the same write, so that lines of several processes do not mix. */
        text_char(&line, '\n');
        if (text_ok(&line))
            (void)fwrite(line.data, 1, line.len, stderr);
        else
            (void)fputs("out of memory: a log line was lost\n", stderr);
    }
    text_deinit(&message);
    text_deinit(&line);
}

void log_debug(const char *component, const char *format, ...)
{
    if (!log_enabled(LOG_DEBUG))
        return;
    va_list args;
    va_start(args, format);
    log_line(LOG_DEBUG, component, format, args);
    va_end(args);
}

void log_info(const char *component, const char *format, ...)
{
    if (!log_enabled(LOG_INFO))
        return;
    va_list args;
    va_start(args, format);
    log_line(LOG_INFO, component, format, args);
    va_end(args);
}

void log_warn(const char *component, const char *format, ...)
{
    if (!log_enabled(LOG_WARN))
        return;
    va_list args;
    va_start(args, format);
    log_line(LOG_WARN, component, format, args);
    va_end(args);
}

void log_error(const char *component, const char *format, ...)
{
    if (!log_enabled(LOG_ERROR))
        return;
    va_list args;
    va_start(args, format);
    log_line(LOG_ERROR, component, format, args);
    va_end(args);
}
