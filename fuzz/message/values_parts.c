#include "fuzz/message/values_form.h"

#include "fuzz/message/put.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define PARTS_FEW 6

/* What paths, names, addresses, lists and queries are split at. */
static const char separators[] = "./:,;-_|&= @";

/* What parsers count, nest or go back for. */
static const char *const pieces[] = {"*",  "*a", "a*", "?*", "**/", "?",   "a?",   "[a-", "(",  "((a)*)*", "{",   "[",
                                     "a.", "a/", "a,", "a:", "a;",  "../", "a=1&", "\\",  "\"", "{\"a\":", "%25", "-"};

size_t value_count_over(struct random *r)
{
    static const uint16_t sizes[] = {8, 10, 16, 20, 32, 50, 64, 100, 128, 256, 500, 512, 1000, 1024};
    size_t drawn = (size_t)random_below(r, COUNT(sizes));
    if (random_below(r, 2) == 0) /* small tables are the most */
        drawn = drawn / 2;
    return sizes[drawn] + (size_t)random_below(r, 3);
}

/* The same piece again and again: few times for who looks at all ways, many for who keeps them in a table. */
static void put_pieces(struct random *r, size_t max, struct text *out)
{
    const char *piece = pieces[random_below(r, COUNT(pieces))];
    size_t len = strlen(piece), times = random_below(r, 2) == 0 ? 3 + (size_t)random_below(r, 20) : value_count_over(r);
    fuzz_put_times(out, piece, len, times * len <= max ? times : max / len);
}

/* That of the text which is an example, if it has one; else the first ones are the most usual. */
static char draw_separator(struct random *r, const char *like)
{
    size_t at = strcspn(like, separators);
    return like[at] != '\0' ? like[at] : separators[random_below(r, random_below(r, 2) ? 4 : sizeof separators - 1)];
}

/* Parts that are the same, so many that some table is full; or empty, which few count. */
static void put_many(struct random *r, char separator, size_t max, struct text *out)
{
    const char pair[2] = {(char)random_range(r, 'a', 'z'), separator};
    bool named = random_below(r, 8) > 0;
    size_t each = named ? 2 : 1, times = value_count_over(r);
    fuzz_put_times(out, named ? pair : pair + 1, each, times * each <= max ? times : max / each);
}

static void put_few(struct random *r, char separator, size_t max, struct text *out)
{
    size_t base = out->len, parts = 1 + (size_t)random_below(r, PARTS_FEW);
    bool whole = random_below(r, 3) > 0; /* no part is empty */
    for (size_t i = 0; i < parts && out->len - base + 3 <= max; i++) {
        char part[3] = {separator, (char)random_range(r, 'a', 'z'), (char)('0' + i)};
        fuzz_put(out, part, whole || random_below(r, 3) > 0 ? 2 + (size_t)random_below(r, 2) : 1);
    }
}

void value_parts_fresh(struct random *r, const char *like, size_t max, struct text *out)
{
    size_t base = out->len;
    if (random_below(r, 4) == 0) {
        put_pieces(r, max, out);
        return;
    }
    char separator = draw_separator(r, like);
    if (max > 1 && random_below(r, 8) > 0) /* what begins with a separator is odd */
        text_char(out, (char)random_range(r, 'a', 'z'));
    size_t left = max - (out->len - base);
    if (random_below(r, 3) == 0)
        put_few(r, separator, left, out);
    else
        put_many(r, separator, left, out);
    /* And so is what ends with one. */
    if (out->len > base && out->data[out->len - 1] == separator && random_below(r, 8) > 0)
        text_truncate(out, out->len - 1);
}

/* ---- changes ---- */

/* The separator of the text that stands at or behind a place that is drawn; else the first one. old.len: none. */
static size_t find_separator(const struct text_edit *e)
{
    size_t start = (size_t)random_below(e->r, e->old.len);
    for (size_t i = 0; i < e->old.len; i++) {
        size_t at = (start + i) % e->old.len;
        if (e->old.data[at] != '\0' && strchr(separators, e->old.data[at]) != NULL)
            return at;
    }
    return e->old.len;
}

/* [from, to) between `at` and `to` again and again, as far as there is room. */
static bool put_again(const struct text_edit *e, size_t from, size_t to)
{
    size_t times = random_below(e->r, 2) ? 1 : value_count_over(e->r);
    size_t room = e->max > e->old.len ? e->max - e->old.len : 0;
    times = times * (to - from) <= room ? times : room / (to - from);
    fuzz_put(e->out, e->old.data, to);
    for (size_t i = 0; i < times; i++)
        fuzz_put(e->out, e->old.data + from, to - from);
    fuzz_put(e->out, e->old.data + to, e->old.len - to);
    return times > 0;
}

bool value_parts_change(const struct text_edit *e)
{
    size_t at = e->old.len > 0 ? find_separator(e) : 0;
    if (at == e->old.len)
        return false;
    /* The part behind it, with the separator in front. */
    const uint8_t *next = memchr(e->old.data + at + 1, e->old.data[at], e->old.len - at - 1);
    size_t end = next != NULL ? (size_t)(next - e->old.data) : e->old.len;
    switch (random_below(e->r, 7)) {
    case 0:
        return text_edit_replace(e, at, end, BYTES_NONE); /* the part goes */
    case 1:
        return text_edit_replace(e, at + 1, end, BYTES_NONE); /* it becomes empty */
    case 2:
        return text_edit_replace(e, at, at + 1, BYTES_NONE); /* it and the one before are one */
    case 3:
        return text_edit_replace(e, at, e->old.len, BYTES_NONE); /* those before it are all */
    case 4:
        return text_edit_replace(e, 0, at + 1, BYTES_NONE); /* or those from it on */
    case 5:
        return text_edit_replace(e, at, at, BYTES(e->old.data + at, 1)); /* an empty one more */
    default:
        return put_again(e, at, end);
    }
}
