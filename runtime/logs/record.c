/* A log record as a line of JSON, and back. */
#include "base/units.h"
#include "base/utf8.h"
#include "runtime/logs/logs.h"

#include <jansson.h>
#include <string.h>

#define STREAM_MAX 16 /* bytes of a stream's name */

static bool printable(uint32_t code_point)
{
    return code_point == '\t' ||
           (code_point >= 0x20 && code_point != 0x7f && !(code_point >= 0x80 && code_point < 0xa0));
}

void logs_message(struct bytes line, struct text *out)
{
    struct bytes kept = line;
    if (kept.len > LOGS_MESSAGE_MAX) {
        kept.len = LOGS_MESSAGE_MAX;
        /* Not inside a character: at most three bytes of its beginning go as well. */
        for (size_t back = 0; back < UTF8_MAX - 1 && (line.data[kept.len] & 0xc0) == 0x80; back++)
            kept.len--;
    }
    for (size_t at = 0; at < kept.len;) {
        size_t from = at;
        uint32_t code_point;
        bool good = utf8_next(kept, &at, &code_point) && printable(code_point);
        if (good) {
            text_add(out, kept.data + from, at - from);
            continue;
        }
        for (; from < at; from++)
            text_printf(out, "\\x%02x", kept.data[from]);
    }
    if (kept.len < line.len)
        text_printf(out, " ... [%zu bytes cut]", line.len - kept.len);
}

void logs_record_format(const struct logs_record *r, struct text *line)
{
    char time[40];
    units_format_time(r->time, time, sizeof time);
    text_printf(line, "{\"n\":%llu,\"ns\":%lld,\"time\":\"%s\",\"stream\":\"", (unsigned long long)r->number,
                (long long)r->time, time);
    text_json(line, r->stream, strlen(r->stream));
    text_printf(line, "\",\"instance\":%lld,\"message\":\"", (long long)r->instance);
    text_json(line, r->message, strlen(r->message));
    text_puts(line, "\"}\n");
}

bool logs_record_parse(struct bytes line, struct logs_record *out, void **storage)
{
    *storage = NULL;
    if (line.len < 2 || line.len > LOGS_LINE_MAX || line.data[0] != '{')
        return false;
    json_t *json = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *n = json_object_get(json, "n"), *ns = json_object_get(json, "ns");
    const char *stream = json_string_value(json_object_get(json, "stream"));
    const char *message = json_string_value(json_object_get(json, "message"));
    bool ok = json_is_integer(n) && json_integer_value(n) > 0 && json_is_integer(ns) && stream && message &&
              strlen(stream) <= STREAM_MAX;
    if (!ok) {
        json_decref(json);
        return false;
    }
    *out = (struct logs_record){
        .number = (uint64_t)json_integer_value(n),
        .time = json_integer_value(ns),
        .instance = json_integer_value(json_object_get(json, "instance")),
        .stream = stream,
        .message = message,
    };
    *storage = json;
    return true;
}

void logs_record_release(void *storage)
{
    json_decref(storage);
}
