#include "chaos/history/file.h"

#include "chaos/history/binary.h"
#include "world/world.h"

#include <string.h>

const char *history_format_name(enum history_format f)
{
    static const char *const names[] = {"JSON lines", "binary", "EDN", "event log"};
    return names[f];
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

/* JSON's objects begin with a text; EDN's maps with a keyword. */
static int detect(struct bytes data, const char *name, enum history_format *format, struct error *err)
{
    size_t i = 0;
    if (data.len >= BINARY_MAGIC_SIZE && memcmp(data.data, BINARY_MAGIC, BINARY_MAGIC_SIZE - 1) == 0) {
        *format = HISTORY_BINARY;
        return 0;
    }
    while (i < data.len && is_space(data.data[i]))
        i++;
    uint8_t first = i < data.len ? data.data[i++] : '\0';
    while (i < data.len && is_space(data.data[i]))
        i++;
    if (first == '{' && i < data.len && (data.data[i] == '"' || data.data[i] == '}'))
        *format = HISTORY_JSON_LINES;
    else if (first != '\0' && strchr("[({#;", first) != NULL)
        *format = HISTORY_EDN;
    else if (first > ' ' && first < 0x7F)
        *format = HISTORY_EVENT_LOG;
    else
        return error_set_at(err, ERROR_SYNTAX, name, 1, 1,
                            data.len == 0
                                ? "the file is empty"
                                : "this is no history: JSON lines, harrow's binary form, EDN and Jepsen's event "
                                  "logs are known");
    return 0;
}

int history_parse(struct bytes data, const char *name, const struct history_options *options, struct history *out,
                  struct history_source *source, struct error *err)
{
    struct history_source own = {0};
    if (source == NULL)
        source = &own;
    *source = (struct history_source){0};
    history_init(out);
    int code = detect(data, name, &source->format, err);
    if (code != 0)
        return code;
    switch (source->format) {
    case HISTORY_BINARY:
        return history_read_binary(data, name, out, &source->cut, err);
    case HISTORY_EDN:
        return history_read_edn(data, name, options, out, source, err);
    case HISTORY_EVENT_LOG:
        if ((code = history_read_log(data, name, out, source, err)) == 0 && out->count == 0) {
            history_deinit(out);
            return error_set_at(err, ERROR_SYNTAX, name, 1, 1,
                                "no line of it is an event: JSON lines, harrow's binary form, EDN and Jepsen's event "
                                "logs are known");
        }
        return code;
    case HISTORY_JSON_LINES:
        break;
    }
    return history_read((const char *)data.data, data.len, name, out, err);
}

int history_load(struct world *w, const char *path, const struct history_options *options, struct history *out,
                 struct history_source *source, struct error *err)
{
    struct text content = TEXT_INIT;
    history_init(out);
    int code = world_read_file(w, path, HISTORY_FILE_MAX, &content, err);
    if (code == 0)
        code = history_parse(text_bytes(&content), path, options, out, source, err);
    text_deinit(&content);
    return code;
}
