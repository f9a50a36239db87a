#include "fuzz/message/values_form.h"

#include "fuzz/message/put.h"

#include <stdio.h>

#define COUNT(a)     (sizeof(a) / sizeof(a)[0])
#define SPANS_MAX    64   /* values of a text that are looked at; those behind them stay as they are */
#define DEPTH_MAX    32   /* of the text that is changed */
#define TOO_LONG_MAX 3000 /* bytes of a string nobody expects */
#define MEMBERS_MAX  8

const char *value_json_any(struct random *r)
{
    static const char *const values[] = {"1",
                                         "0",
                                         "-1",
                                         "null",
                                         "true",
                                         "[]",
                                         "{}",
                                         "\"\"",
                                         "[\"a\",1]",
                                         "{\"a\":[]}",
                                         "0.5",
                                         "\"*\"",
                                         "9223372036854775807",
                                         "\"../../key\"",
                                         "\"2024-02-30T00:00:00Z\""};
    /* What some readers refuse. */
    static const char *const bounds[] = {"1e400", "9223372036854775808", "\"\\u0000\"", "\"\\ud800\"", "-0"};
    return random_below(r, 10) == 0 ? bounds[random_below(r, COUNT(bounds))] : values[random_below(r, COUNT(values))];
}

static const char *member_name(struct random *r)
{
    static const char *const names[] = {"id",   "name",    "key",  "value", "type", "data",    "a",         "metadata",
                                        "text", "version", "time", "",      "size", "created", "__proto__", "$ref"};
    return names[random_below(r, COUNT(names))];
}

/* ---- fresh ones ---- */

/* One in the other. Also one that does not end. */
static void put_deep(struct random *r, size_t max, struct text *out)
{
    static const char *const open[] = {"[", "{\"a\":", "[{\"a\":"}, *const close[] = {"]", "}", "}]"};
    size_t form = (size_t)random_below(r, COUNT(open)), levels = value_count_over(r) * (random_below(r, 4) ? 1 : 10);
    size_t each = strlen(open[form]) + strlen(close[form]);
    bool ends = random_below(r, 4) > 0;
    levels = levels <= max / each ? levels : max / each;
    fuzz_put_times(out, open[form], strlen(open[form]), levels);
    if (levels > 0 && ends && levels * each < max)
        text_char(out, '0');
    fuzz_put_times(out, close[form], strlen(close[form]), ends ? levels : 0);
}

/* An object of some members, or a list. What there is no room for is left out. */
static void put_small(struct random *r, size_t max, struct text *out)
{
    bool object = random_below(r, 3) > 0;
    size_t base = out->len, count = (size_t)random_below(r, MEMBERS_MAX);
    if (max < 2)
        return;
    text_char(out, object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        const char *name = member_name(r), *value = value_json_any(r);
        size_t more = strlen(value) + (i > 0) + (object ? strlen(name) + 3 : 0);
        if (out->len - base + more >= max)
            break;
        if (i > 0)
            text_char(out, ',');
        if (object) {
            text_char(out, '"');
            text_puts(out, name);
            fuzz_put(out, "\":", 2);
        }
        text_puts(out, value);
    }
    text_char(out, object ? '}' : ']');
}

/* More of one kind than a table has room for. */
static void put_wide(struct random *r, size_t max, struct text *out)
{
    const char *value = value_json_any(r);
    size_t len = strlen(value), count = value_count_over(r), base = out->len;
    bool object = random_below(r, 4) == 0;
    if (max < len + 3)
        return;
    text_char(out, object ? '{' : '[');
    if (object) {
        /* Names that differ: of three letters, counted up. */
        char member[] = "\"aaa\":";
        for (size_t i = 0; i < count && out->len - base + len + sizeof member + 1 < max; i++) {
            member[1] = (char)('a' + i / 26 / 26 % 26);
            member[2] = (char)('a' + i / 26 % 26);
            member[3] = (char)('a' + i % 26);
            fuzz_put(out, member, sizeof member - 1);
            fuzz_put(out, value, len);
            fuzz_put(out, ",", 1);
        }
    } else {
        char element[64]; /* above all of value_json_any() */
        size_t each = (size_t)snprintf(element, sizeof element, "%s,", value);
        fuzz_put_times(out, element, each, count * each + 1 <= max ? count : (max - 1) / each);
    }
    if (text_ok(out) && out->data[out->len - 1] == ',') /* the last comma */
        text_truncate(out, out->len - 1);
    text_char(out, object ? '}' : ']');
}

void value_json_fresh(struct random *r, size_t max, struct text *out)
{
    switch (random_below(r, 8)) {
    case 0: {
        const char *any = value_json_any(r);
        fuzz_put(out, any, strlen(any) <= max ? strlen(any) : 0);
        break;
    }
    case 1:
        put_deep(r, max, out);
        break;
    case 2:
        put_wide(r, max, out);
        break;
    default:
        put_small(r, max, out);
    }
}

/* ---- changes ---- */

struct span {
    size_t key, from, to; /* of a value; `key` == `from`: it has no name */
};

static size_t skip_blanks(struct bytes t, size_t at)
{
    while (at < t.len && (t.data[at] == ' ' || t.data[at] == '\t' || t.data[at] == '\n' || t.data[at] == '\r'))
        at++;
    return at;
}

/* Behind the string that begins at `at`; t.len: it does not end. */
static size_t skip_string(struct bytes t, size_t at)
{
    for (at++; at < t.len && t.data[at] != '"'; at++)
        at += t.data[at] == '\\';
    return at < t.len ? at + 1 : t.len;
}

static size_t skip_word(struct bytes t, size_t at)
{
    while (at < t.len && memchr(",:]} \t\r\n\"[{", t.data[at], 11) == NULL)
        at++;
    return at;
}

/* The values in order of their beginnings, the outermost first. Reads as far as it is JSON; what has no end there is
 * not among them. */
static size_t find_spans(struct bytes t, struct span *out)
{
    size_t open[DEPTH_MAX], depth = 0, count = 0, ended = 0, at = skip_blanks(t, 0);
    bool name_next = false;
    while (at < t.len && count < SPANS_MAX) {
        struct span *s = &out[count];
        *s = (struct span){.key = at, .from = at, .to = 0};
        uint8_t c = t.data[at];
        if (c == '}' || c == ']') { /* behind a comma, or in an empty one */
            if (depth == 0)
                break;
        } else {
            if (name_next) {
                if (c != '"')
                    break;
                at = skip_blanks(t, skip_string(t, at));
                if (at >= t.len || t.data[at] != ':')
                    break;
                s->from = at = skip_blanks(t, at + 1);
                if (at >= t.len)
                    break;
                c = t.data[at];
            }
            if (c == '{' || c == '[') {
                if (depth == DEPTH_MAX)
                    break;
                open[depth++] = count++;
                name_next = c == '{';
                at = skip_blanks(t, at + 1);
                continue;
            }
            at = c == '"' ? skip_string(t, at) : skip_word(t, at);
            if (at == s->from)
                break;
            s->to = at;
            count++;
        }
        for (at = skip_blanks(t, at); depth > 0 && at < t.len && (t.data[at] == '}' || t.data[at] == ']');) {
            out[open[--depth]].to = ++at;
            at = skip_blanks(t, at);
        }
        if (depth == 0 || at >= t.len || t.data[at] != ',')
            break;
        name_next = t.data[out[open[depth - 1]].from] == '{';
        at = skip_blanks(t, at + 1);
    }
    for (size_t i = 0; i < count; i++)
        if (out[i].to > out[i].from)
            out[ended++] = out[i];
    return ended;
}

/* With a comma that would stand there alone. */
static bool remove_value(const struct text_edit *e, const struct span *s)
{
    size_t from = s->key, to = skip_blanks(e->old, s->to);
    if (to < e->old.len && e->old.data[to] == ',')
        return text_edit_replace(e, from, to + 1, BYTES_NONE);
    while (from > 0 && strchr(" \t\r\n", e->old.data[from - 1]) != NULL)
        from--;
    from -= from > 0 && e->old.data[from - 1] == ',';
    return text_edit_replace(e, from, s->to, BYTES_NONE);
}

/* Something around it: `levels` lists. */
static bool wrap(const struct text_edit *e, const struct span *s)
{
    size_t levels = random_below(e->r, 2) ? 1 : value_count_over(e->r), room = e->max - e->old.len;
    levels = 2 * levels <= room ? levels : room / 2;
    fuzz_put(e->out, e->old.data, s->from);
    fuzz_put_run(e->out, '[', levels);
    fuzz_put(e->out, e->old.data + s->from, s->to - s->from);
    fuzz_put_run(e->out, ']', levels);
    fuzz_put(e->out, e->old.data + s->to, e->old.len - s->to);
    return levels > 0;
}

static bool make_long(const struct text_edit *e, const struct span *s)
{
    size_t rest = e->old.len - (s->to - s->from) + 2;
    if (rest >= e->max)
        return false;
    size_t len = 1 + (size_t)random_below(e->r, TOO_LONG_MAX);
    fuzz_put(e->out, e->old.data, s->from);
    text_char(e->out, '"');
    fuzz_put_run(e->out, 'k', len < e->max - rest ? len : e->max - rest);
    text_char(e->out, '"');
    fuzz_put(e->out, e->old.data + s->to, e->old.len - s->to);
    return true;
}

bool value_json_change(const struct text_edit *e)
{
    struct span spans[SPANS_MAX];
    if (e->old.len < 2 || e->old.len > e->max || (e->old.data[0] != '{' && e->old.data[0] != '['))
        return false;
    size_t count = find_spans(e->old, spans);
    if (count < 2) /* itself is all there is */
        return false;
    const struct span *s = &spans[random_below(e->r, count)];
    bool inner = s != spans, named = s->key != s->from;
    switch (random_below(e->r, 8)) {
    case 0:
    case 1:
        return inner && remove_value(e, s);
    case 2:
    case 3:
        return text_edit_replace(e, s->from, s->to, bytes_of(value_json_any(e->r)));
    case 4: { /* twice: the second time its name and value are in front of the first */
        size_t mark = e->out->len, len = s->to - s->key;
        if (!inner || e->old.len + len + 1 > e->max)
            return false;
        fuzz_put(e->out, e->old.data, s->key);
        fuzz_put(e->out, e->old.data + s->key, len);
        text_char(e->out, ',');
        fuzz_put(e->out, e->old.data + s->key, e->old.len - s->key);
        return e->out->len > mark;
    }
    case 5: /* by another name */
        return named && text_edit_replace(e, s->key + 1, skip_string(e->old, s->key) - 1, bytes_of(member_name(e->r)));
    case 6:
        return wrap(e, s);
    default:
        return make_long(e, s);
    }
}
