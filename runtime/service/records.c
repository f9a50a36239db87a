/* The last log records of the service, for Debug.Log. In a real process everything that goes through base/log is kept;
 * in simulation, where many services share one log, what the service says by micro_log(). */
#include "base/units.h"
#include "base/utf8.h"
#include "runtime/service/internal.h"
#include "world/sim.h"

#include <stdarg.h>

static struct micro_service *hooked; /* the service of this process */

/* Cut to what is kept, between characters; never anything but UTF-8, since it goes out as a protobuf string. */
static char *copy_message(const char *message, size_t len)
{
    struct text out = TEXT_INIT;
    struct bytes b = BYTES(message, len < MICRO_RECORD_MAX ? len : MICRO_RECORD_MAX);
    for (size_t at = 0; at < b.len;) {
        size_t start = at;
        uint32_t c;
        if (utf8_next(b, &at, &c) && c != 0)
            text_add(&out, message + start, at - start);
        else if (b.len - start >= 4 || b.len == len)
            text_char(&out, '?');
    }
    return text_take(&out);
}

static void keep(struct micro_service *s, enum log_level level, const char *message, size_t len)
{
    if (!s->records && !(s->records = calloc(MICRO_RECORDS, sizeof *s->records)))
        return;
    char *copy = copy_message(message, len);
    if (!copy && len > 0)
        return;
    struct micro_record *r = &s->records[s->record_count++ % MICRO_RECORDS];
    free(r->message);
    *r = (struct micro_record){.time = world_wall(s->world) / SECOND, .level = level, .message = copy};
}

static void hook(void *arg, enum log_level level, const char *component, const char *message, size_t len)
{
    (void)component;
    keep(arg, level, message, len);
}

const struct micro_record *micro_record_at(const struct micro_service *s, size_t i)
{
    uint64_t kept = s->record_count < MICRO_RECORDS ? s->record_count : MICRO_RECORDS;
    return i < kept ? &s->records[(s->record_count - kept + i) % MICRO_RECORDS] : NULL;
}

void micro_records_start(struct micro_service *s)
{
    if (world_is_simulated(s->world) || hooked)
        return;
    hooked = s;
    log_set_hook(hook, s);
}

void micro_records_free(struct micro_service *s)
{
    if (hooked == s) {
        hooked = NULL;
        log_set_hook(NULL, NULL);
    }
    for (size_t i = 0; s->records && i < MICRO_RECORDS; i++)
        free(s->records[i].message);
    free(s->records);
    s->records = NULL;
}

void micro_log(struct micro_service *s, enum log_level level, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    const char *words = text_string(&message);
    switch (level) {
    case LOG_DEBUG:
        log_debug(s->config.name, "%s", words);
        break;
    case LOG_INFO:
        log_info(s->config.name, "%s", words);
        break;
    case LOG_WARN:
        log_warn(s->config.name, "%s", words);
        break;
    case LOG_ERROR:
        log_error(s->config.name, "%s", words);
        break;
    case LOG_OFF:
        break;
    }
    /* With the hook it has just been kept, if it is shown at all. */
    if (hooked != s && level != LOG_OFF && (level != LOG_DEBUG || log_enabled(level)))
        keep(s, level, words, message.len);
    text_deinit(&message);
}
