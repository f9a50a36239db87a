#include "wire/pb_to_json.h"

#include "wire/pb_time.h"

#include <math.h>

static int write_time(struct pb_to_json *c, const struct pb_type *t, struct pb_index index, const struct pb_path *path)
{
    const struct pb_occurrence *seconds = pb_index_last(c, index, 0), *nanos = pb_index_last(c, index, 1);
    struct pb_time time = {.seconds = seconds ? (int64_t)seconds->item.value : 0,
                           .nanos = nanos ? (int32_t)(uint32_t)nanos->item.value : 0};
    char buffer[PB_TIME_MAX];
    size_t len = t->known == PB_TIMESTAMP ? pb_timestamp_print(time, buffer) : pb_duration_print(time, buffer);
    if (len == 0)
        return pb_write_fail(c, path, NULL, ERROR_INVALID,
                             t->known == PB_TIMESTAMP ? "%lld s and %d ns are outside the years 0001 to 9999"
                                                      : "%lld s and %d ns are no duration within 315576000000 seconds",
                             (long long)time.seconds, time.nanos);
    pb_put(c->out, "\"", 1);
    pb_put(c->out, buffer, len);
    pb_put(c->out, "\"", 1);
    return 0;
}

/* snake_case to lowerCamelCase, refusing what would not come back: capitals, and underscores without a letter. */
static int write_mask_path(struct pb_to_json *c, struct bytes s, const struct pb_path *path)
{
    bool start = true;
    for (size_t i = 0; i < s.len; i++) {
        char ch = (char)s.data[i];
        bool lower = ch >= 'a' && ch <= 'z', digit = ch >= '0' && ch <= '9';
        bool fits = lower || (digit && !start) || (ch == '.' && !start);
        if (ch == '_' && i + 1 < s.len && s.data[i + 1] >= 'a' && s.data[i + 1] <= 'z') {
            ch = (char)(s.data[++i] - 'a' + 'A');
            fits = true;
        }
        if (!fits)
            return pb_write_fail(c, path, s.data + i, ERROR_INVALID,
                                 "a path of a field mask has no lowerCamelCase form");
        pb_put(c->out, &ch, 1);
        start = ch == '.';
    }
    return start ? pb_write_fail(c, path, s.data, ERROR_INVALID, "a path of a field mask is empty or ends early") : 0;
}

static int write_mask(struct pb_to_json *c, const struct pb_type *t, struct pb_index index, const struct pb_path *up)
{
    struct pb_path path = {.up = up, .field = &t->fields[0]};
    uint32_t first = c->slots.items[index.slots].first;
    int rc = 0;
    pb_put(c->out, "\"", 1);
    for (uint32_t i = first; !rc && i != PB_NONE; i = c->occurrences.items[i].next, path.index++) {
        if (i != first)
            pb_put(c->out, ",", 1);
        rc = write_mask_path(c, c->occurrences.items[i].item.data, &path);
    }
    pb_put(c->out, "\"", 1);
    return rc;
}

/* A Value in which nothing is set is written as null, which is also what Google's C++ and Python do. */
static int write_value(struct pb_to_json *c, const struct pb_type *t, struct pb_index index, const struct pb_path *path)
{
    uint32_t set = c->slots.items[index.slots + t->field_count].first;
    if (set == PB_NONE || set == 0) {
        pb_put(c->out, "null", 4);
        return 0;
    }
    const struct pb_field *f = &t->fields[set];
    if (f->kind == PB_MESSAGE)
        return pb_write_submessage(c, f, c->slots.items[index.slots + set].first, path);
    struct pb_item item = pb_index_last(c, index, set)->item;
    if (f->kind == PB_DOUBLE) {
        double d;
        memcpy(&d, &item.value, sizeof d);
        if (!isfinite(d))
            return pb_write_fail(c, path, NULL, ERROR_INVALID, "a Value cannot be %s: JSON has no such number",
                                 isnan(d) ? "NaN" : "infinite");
    }
    return pb_write_scalar(c, f, &item, path);
}

static int write_any(struct pb_to_json *c, const struct pb_type *t, struct pb_index index, const struct pb_path *path)
{
    const struct pb_occurrence *url = pb_index_last(c, index, 0), *value = pb_index_last(c, index, 1);
    struct bytes type_url = url ? url->item.data : BYTES("", 0), content = value ? value->item.data : BYTES("", 0);
    if (type_url.len == 0 && content.len == 0) {
        pb_put(c->out, "{}", 2);
        return 0;
    }
    const uint8_t *slash = type_url.len ? memrchr(type_url.data, '/', type_url.len) : NULL;
    if (!slash)
        return pb_write_fail(c, path, type_url.len ? type_url.data : NULL, ERROR_INVALID,
                             "an Any has no type URL like \"type.googleapis.com/package.Type\"");
    struct bytes name = BYTES(slash + 1, type_url.len - (size_t)(slash + 1 - type_url.data));
    const struct pb_type *inner = pb_type_find(t->pool, name);
    if (!inner || inner->map_entry) {
        struct text shown = TEXT_INIT;
        text_printable(&shown, name.data, name.len, 100);
        int rc = pb_write_fail(c, path, type_url.data, ERROR_NOT_FOUND, "no message type \"%s\" in the descriptor set",
                               text_string(&shown));
        text_deinit(&shown);
        return rc;
    }
    if (c->depth == PB_DEPTH_MAX)
        return pb_write_fail(c, path, NULL, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    pb_write_open(c, '{');
    pb_write_next(c, true);
    const char *space = c->flags & PB_JSON_INDENT ? " " : "";
    text_printf(c->out, "\"@type\":%s", space);
    int rc = pb_write_string(c, type_url, path);
    struct pb_content run = {.run = content, .first = PB_NONE};
    if (!rc && (inner->known == PB_ORDINARY || inner->known == PB_EMPTY)) {
        rc = pb_write_members(c, inner, run, path, false);
    } else if (!rc) {
        pb_write_next(c, false);
        text_printf(c->out, "\"value\":%s", space);
        rc = pb_write_message(c, inner, run, path);
        pb_write_close(c, '}', false);
    }
    c->depth--;
    return rc;
}

static int write_wrapper(struct pb_to_json *c, const struct pb_type *t, struct pb_index index,
                         const struct pb_path *path)
{
    const struct pb_occurrence *value = pb_index_last(c, index, 0);
    struct pb_item item = value ? value->item : (struct pb_item){.data = BYTES("", 0)};
    return pb_write_scalar(c, &t->fields[0], &item, path);
}

int pb_write_known(struct pb_to_json *c, const struct pb_type *t, struct pb_content content, const struct pb_path *path)
{
    struct pb_index index;
    int rc = pb_index_message(c, t, content, path, &index);
    if (!rc)
        switch (t->known) {
        case PB_ANY:
            rc = write_any(c, t, index, path);
            break;
        case PB_TIMESTAMP:
        case PB_DURATION:
            rc = write_time(c, t, index, path);
            break;
        case PB_FIELD_MASK:
            rc = write_mask(c, t, index, path);
            break;
        case PB_STRUCT:
            rc = pb_write_map(c, &t->fields[0], c->slots.items[index.slots].first, path);
            break;
        case PB_LIST_VALUE:
            rc = pb_write_list(c, &t->fields[0], c->slots.items[index.slots].first, path);
            break;
        case PB_VALUE:
            rc = write_value(c, t, index, path);
            break;
        case PB_WRAPPER:
            rc = write_wrapper(c, t, index, path);
            break;
        case PB_ORDINARY:
        case PB_EMPTY:
            rc = ERROR_UNSUPPORTED;
            break;
        }
    pb_index_drop(c, index);
    return rc;
}
