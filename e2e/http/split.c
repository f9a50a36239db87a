#include "e2e/http/split.h"

#include "base/json_build.h"
#include "e2e/internal.h"

#include <string.h>

void http_split_init(struct split *s, enum split_by by, json_t *out)
{
    *s = (struct split){.by = by, .out = out, .retry = -1};
}

void http_split_deinit(struct split *s)
{
    text_deinit(&s->line);
    text_deinit(&s->data);
    text_deinit(&s->event);
    text_deinit(&s->id);
}

static void add(struct split *s, json_t *item)
{
    if (json_array_append_new(s->out, item) != 0)
        s->failed = true;
}

static void event_over(struct split *s)
{
    if (s->has_data) {
        if (s->data.len > 0)
            text_truncate(&s->data, s->data.len - 1); /* the newline behind the last line of it */
        json_t *item = json_pack("{s:o, s:o, s:o}", "event",
                                 value_of_bytes(s->event.len > 0 ? text_bytes(&s->event) : bytes_of("message")), "data",
                                 value_of_body(text_bytes(&s->data)), "id", value_of_bytes(text_bytes(&s->id)));
        if (s->retry >= 0)
            json_build_set(&item, "retry", json_integer(s->retry));
        add(s, item);
    }
    text_clear(&s->data);
    text_clear(&s->event);
    s->has_data = false;
    s->retry = -1;
}

static bool is_field(struct bytes name, const char *word)
{
    return name.len == strlen(word) && memcmp(name.data, word, name.len) == 0;
}

static void event_line(struct split *s, struct bytes line)
{
    if (line.len == 0) {
        event_over(s);
        return;
    }
    const uint8_t *colon = memchr(line.data, ':', line.len);
    size_t len = colon != NULL ? (size_t)(colon - line.data) : line.len, from = colon != NULL ? len + 1 : len;
    from += from < line.len && line.data[from] == ' ';
    struct bytes name = BYTES(line.data, len), value = BYTES(line.data + from, line.len - from);
    if (is_field(name, "data")) {
        s->has_data = true;
        text_add(&s->data, value.data, value.len);
        text_char(&s->data, '\n');
    } else if (is_field(name, "event")) {
        text_clear(&s->event);
        text_add(&s->event, value.data, value.len);
    } else if (is_field(name, "id") && (value.len == 0 || memchr(value.data, '\0', value.len) == NULL)) {
        text_clear(&s->id);
        text_add(&s->id, value.data, value.len);
    } else if (is_field(name, "retry") && value.len > 0 && value.len < 16) {
        int64_t ms = 0;
        for (size_t i = 0; i < value.len && ms >= 0; i++)
            ms = value.data[i] >= '0' && value.data[i] <= '9' ? ms * 10 + (value.data[i] - '0') : -1;
        s->retry = ms;
    }
}

static void line_over(struct split *s)
{
    struct bytes line = text_bytes(&s->line);
    if (!s->begun && line.len >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
        line = BYTES(line.data + 3, line.len - 3);
    s->begun = true;
    if (s->by == SPLIT_EVENTS)
        event_line(s, line);
    else if (line.len > 0)
        add(s, value_of_body(line));
    text_clear(&s->line);
}

static bool is_good(struct split *s)
{
    s->failed = s->failed || !text_ok(&s->line) || !text_ok(&s->data) || !text_ok(&s->event) || !text_ok(&s->id);
    s->too_long = s->line.len > SPLIT_ITEM_MAX || s->data.len > SPLIT_ITEM_MAX;
    return !s->failed && !s->too_long;
}

bool http_split_feed(struct split *s, struct bytes piece)
{
    if (s->by == SPLIT_PIECES) {
        if (piece.len > 0)
            add(s, value_of_body(piece));
        return !s->failed;
    }
    for (size_t i = 0; i < piece.len && is_good(s); i++) {
        char c = (char)piece.data[i];
        bool pair = c == '\n' && s->after_cr; /* CR LF is one end of a line */
        s->after_cr = c == '\r';
        if (pair)
            continue;
        if (c == '\n' || c == '\r')
            line_over(s);
        else
            text_char(&s->line, c);
    }
    return is_good(s);
}

bool http_split_end(struct split *s)
{
    if (s->by == SPLIT_LINES && s->line.len > 0)
        line_over(s);
    return is_good(s);
}
