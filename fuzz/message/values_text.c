/* Texts and bytes: words by what a field is called, tokens that break parsers, texts with a form of their own
 * (values_form.h), and edits that know where a code point begins. */
#include "fuzz/message/values_form.h"

#include "base/utf8.h"
#include "fuzz/message/put.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* What systems take apart when a field is called so. */
enum form { FORM_NONE, FORM_PARTS, FORM_JSON, FORM_TOKEN };

/* Small sets, so that calls meet each other's data. */
static const struct {
    const char *part, *words[4];
    enum form form;
} word_table[] = {
    {"id", {"id-1", "id-2", "id-3", "0"}, FORM_NONE},
    {"key", {"key-1", "key-2", "key/1", "key"}, FORM_PARTS},
    {"name", {"alpha", "beta", "gamma", "a.b"}, FORM_PARTS},
    {"path", {"a", "a.b", "a.b.c", "a..b"}, FORM_PARTS},
    {"table", {"t1", "t2", "table", "t-3"}, FORM_NONE},
    {"database", {"micro", "db1", "db2", "d"}, FORM_NONE},
    {"domain", {"micro", "other", "*", ""}, FORM_PARTS},
    {"order", {"asc", "desc", "ASC", "random"}, FORM_NONE},
    {"format", {"json", "yaml", "", "raw"}, FORM_NONE},
    {"data", {"1", "\"text\"", "{\"a\":{\"b\":1}}", "[1,2,3]"}, FORM_JSON},
    {"value", {"1", "text", "{\"a\":1}", "key-1"}, FORM_JSON},
    {"payload", {"{}", "text", "{\"id\":1}", "[1]"}, FORM_JSON},
    {"body", {"{}", "text", "{\"id\":1}", "[1]"}, FORM_JSON},
    {"json", {"{}", "{\"a\":1}", "[]", "null"}, FORM_JSON},
    {"email", {"a@example.com", "b@example.com", "@", "a@b@c"}, FORM_PARTS},
    {"address", {"127.0.0.1:1", "localhost:0", ":", "[::1]:65536"}, FORM_PARTS},
    {"token", {"x.y.z", "eyJhbGciOiJub25lIn0.e30.", "", "Bearer"}, FORM_TOKEN},
    {"scope", {"admin", "service", "*", ""}, FORM_PARTS},
    {"type", {"user", "service", "string", "int64"}, FORM_NONE},
    {"space", {"micro", "other", "x", "micro"}, FORM_NONE},
    {"version", {"latest", "1.0.0", "v0.0.1", "0"}, FORM_PARTS},
    {"time", {"2024-01-01T00:00:00Z", "0", "-1", "9999-12-31T23:59:60Z"}, FORM_NONE},
    {"url", {"http://localhost:1/", "file:///etc/passwd", "//", "http://[::1"}, FORM_PARTS},
};

static const char *const tokens[] = {"",
                                     " ",
                                     "../../../../etc/passwd",
                                     "/",
                                     "a/../b",
                                     ".",
                                     "..",
                                     "'; DROP TABLE records; --",
                                     "\" OR \"1\"=\"1",
                                     "%s%n%x",
                                     "%00",
                                     "{}",
                                     "[",
                                     "null",
                                     "true",
                                     "\xF0\x9F\x98\x80",
                                     "\xC3\xA9\xE2\x80\xAE",
                                     "\xEF\xBB\xBF",
                                     "line\nline\r\n\ttab",
                                     "\x7F\x1B[31m",
                                     "18446744073709551616",
                                     "9223372036854775808",
                                     "4294967296",
                                     "-1",
                                     "1e999",
                                     "NaN",
                                     "0x10",
                                     "*",
                                     "\\",
                                     "?",
                                     "#",
                                     "&a=b",
                                     ":",
                                     ",",
                                     ";",
                                     "$(id)",
                                     "${a}",
                                     "{{a}}",
                                     "<a>",
                                     "a@b",
                                     "a.b",
                                     "a.b.c",
                                     "{\"id\":1}",
                                     "{\"a\":null}",
                                     "[{}]"};

static uint32_t first_letters(void)
{
    uint32_t letters = 0;
    for (size_t i = 0; i < COUNT(word_table); i++)
        letters |= 1U << (word_table[i].part[0] - 'a');
    return letters;
}

/* The row for a field of that name; COUNT(word_table): there is none. */
static size_t row_for(const char *field)
{
    const uint32_t letters = first_letters();
    for (const char *c = field; *c; c++) {
        if (*c < 'a' || *c > 'z' || !(letters >> (*c - 'a') & 1))
            continue;
        for (size_t i = 0; i < COUNT(word_table); i++)
            if (word_table[i].part[0] == *c && strncmp(c, word_table[i].part, strlen(word_table[i].part)) == 0)
                return i;
    }
    return COUNT(word_table);
}

static const char *word_of(struct random *r, size_t row)
{
    return row < COUNT(word_table) ? word_table[row].words[random_below(r, 4)] : "text";
}

static const char *token(struct random *r)
{
    return tokens[random_below(r, COUNT(tokens))];
}

static void put_within(struct text *out, const char *s, size_t max)
{
    size_t len = strlen(s);
    if (len <= max)
        fuzz_put(out, s, len);
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* At most `len` bytes of one letter, which in strings is one of several bytes as often as not: behind none to three
 * plain ones, so that whoever cuts at so many bytes cuts through it. */
static void put_letters(struct random *r, const struct pb_field *f, size_t len, struct text *out)
{
    static const char *const letters[] = {"\xC3\xA9", "\xE6\x97\xA5", "\xF0\x9F\x98\x80"};
    if (f->kind != PB_STRING || random_below(r, 2) == 0) {
        fuzz_put_run(out, (char)random_range(r, 'a', 'z'), len);
        return;
    }
    size_t plain = at_most((size_t)random_below(r, 4), len), at = plain;
    const char *letter = letters[random_below(r, COUNT(letters))];
    fuzz_put_run(out, 'a', plain);
    for (size_t n = strlen(letter); at + n <= len; at += n)
        fuzz_put(out, letter, n);
}

/* A token of its own is longer than other texts: what does not fit is none. */
static void put_token(struct random *r, size_t max, struct text *out)
{
    size_t base = out->len;
    value_token_fresh(r, out);
    if (out->len - base > max)
        text_truncate(out, base);
}

/* A word, or something of the form that texts of that name have. */
static void put_named(struct random *r, const char *field, size_t max, struct text *out)
{
    size_t row = row_for(field);
    enum form form = row < COUNT(word_table) ? word_table[row].form : FORM_NONE;
    const char *word = word_of(r, row);
    if (form == FORM_NONE || random_below(r, 8) > 0)
        put_within(out, word, max);
    else if (form == FORM_TOKEN)
        put_token(r, max, out);
    else if (form == FORM_JSON)
        value_json_fresh(r, max, out);
    else
        value_parts_fresh(r, word, max, out);
}

void value_text_fresh(struct random *r, const struct pb_field *f, size_t max, struct text *out)
{
    uint64_t lot = random_below(r, 8);
    if (f->kind == PB_BYTES && lot >= 5) {
        uint8_t block[64];
        size_t n = (size_t)random_below(r, sizeof block);
        if (random_below(r, 20) == 0) {
            fuzz_put_run(out, (char)random_below(r, 256), at_most(FUZZ_LENGTH_LONG, max));
            return;
        }
        random_bytes(r, block, n);
        fuzz_put(out, block, at_most(n, max));
        return;
    }
    switch (lot) {
    case 0:
    case 1:
    case 2:
    case 3:
        put_named(r, f->name, max, out);
        break;
    case 4:
        if (random_below(r, 2))
            value_parts_fresh(r, "", max, out);
        else
            value_json_fresh(r, max, out);
        break;
    case 5:
        put_within(out, token(r), max);
        break;
    case 6: {
        char block[24];
        size_t n = (size_t)random_below(r, sizeof block);
        for (size_t i = 0; i < n; i++)
            block[i] = (char)random_range(r, 0x20, 0x7E);
        fuzz_put(out, block, at_most(n, max));
        break;
    }
    default: {
        size_t n = random_below(r, 4) == 0 ? FUZZ_LENGTH_LONG : (size_t)random_below(r, 300);
        put_letters(r, f, at_most(n, max), out);
    }
    }
}

/* ---- edits ---- */

/* A place where a code point begins; for bytes any place. [0, len] */
static size_t place(const struct text_edit *e, size_t at)
{
    if (e->field->kind == PB_STRING)
        while (at > 0 && at < e->old.len && (e->old.data[at] & 0xC0) == 0x80)
            at--;
    return at;
}

static size_t any_place(const struct text_edit *e)
{
    return place(e, (size_t)random_below(e->r, e->old.len + 1));
}

/* Two places, the first before the second by at least one code point; the old text is not empty. */
static void any_range(const struct text_edit *e, size_t *from, size_t *to)
{
    *from = place(e, (size_t)random_below(e->r, e->old.len));
    size_t span = random_below(e->r, 4) ? 1 + (size_t)random_below(e->r, 8) : e->old.len;
    *to = *from + at_most(span, e->old.len - *from);
    if (e->field->kind == PB_STRING)
        while (*to < e->old.len && (e->old.data[*to] & 0xC0) == 0x80)
            ++*to;
}

bool text_edit_replace(const struct text_edit *e, size_t from, size_t to, struct bytes with)
{
    if (e->old.len - (to - from) + with.len > e->max)
        return false;
    fuzz_put(e->out, e->old.data, from);
    fuzz_put(e->out, with.data, with.len);
    fuzz_put(e->out, e->old.data + to, e->old.len - to);
    return true;
}

static bool edit_insert(const struct text_edit *e)
{
    size_t at = any_place(e);
    return text_edit_replace(e, at, at, bytes_of(token(e->r)));
}

static bool edit_token(const struct text_edit *e)
{
    const char *s = random_below(e->r, 2) ? token(e->r) : word_of(e->r, row_for(e->field->name));
    return text_edit_replace(e, 0, e->old.len, bytes_of(s));
}

static bool edit_delete(const struct text_edit *e)
{
    size_t from, to;
    if (e->old.len == 0)
        return false;
    any_range(e, &from, &to);
    return text_edit_replace(e, from, to, BYTES_NONE);
}

static bool edit_cut(const struct text_edit *e)
{
    return e->old.len > 0 &&
           text_edit_replace(e, place(e, (size_t)random_below(e->r, e->old.len)), e->old.len, BYTES_NONE);
}

static bool edit_repeat(const struct text_edit *e)
{
    size_t from, to;
    if (e->old.len == 0)
        return false;
    any_range(e, &from, &to);
    uint64_t times = random_below(e->r, 8) ? 1 + random_below(e->r, 8) : 1 + random_below(e->r, 300);
    if (e->old.len + (to - from) * times > e->max)
        times = 1;
    if (e->old.len + (to - from) * times > e->max)
        return false;
    fuzz_put(e->out, e->old.data, to);
    while (times-- > 0)
        fuzz_put(e->out, e->old.data + from, to - from);
    fuzz_put(e->out, e->old.data + to, e->old.len - to);
    return true;
}

static uint32_t code_point(struct random *r)
{
    static const uint32_t odd[] = {0x1,    0x7F,   0x85,   0xA0,   0xAD,    0x301,    0x3C2,  0x130,  0x131,  0x200B,
                                   0x202E, 0x2028, 0x2044, 0xFF0F, 0xFEFF,  0xFFFD,   0xFFFF, 0xD7FF, 0xE000, 0x1F600,
                                   0xDF,   0x1E9E, 0x7FF,  0x800,  0x10000, 0x10FFFF, '/',    '.',    '%',    '"'};
    switch (random_below(r, 4)) {
    case 0:
        return (uint32_t)random_range(r, 0x20, 0x7E);
    case 1:
        return (uint32_t)random_range(r, 0x80, 0xD7FF);
    case 2:
        return (uint32_t)random_range(r, 0xE000, 0x10FFFF);
    default:
        return odd[random_below(r, COUNT(odd))];
    }
}

static bool edit_char(const struct text_edit *e)
{
    char c[UTF8_MAX];
    size_t from = place(e, (size_t)random_below(e->r, e->old.len + 1)), to = from, len = 1;
    if (e->field->kind == PB_STRING)
        len = utf8_write(code_point(e->r), c);
    else
        c[0] = (char)random_below(e->r, 256);
    if (from < e->old.len && random_below(e->r, 4)) { /* in place of the one that is there */
        to++;
        if (e->field->kind == PB_STRING)
            while (to < e->old.len && (e->old.data[to] & 0xC0) == 0x80)
                to++;
    }
    return text_edit_replace(e, from, to, BYTES(c, len));
}

/* One letter to the other case, or one bit of a byte that stays ASCII. */
static bool edit_bit(const struct text_edit *e)
{
    if (e->old.len == 0)
        return false;
    size_t at = (size_t)random_below(e->r, e->old.len);
    uint8_t c = e->old.data[at];
    if (e->field->kind == PB_STRING) {
        if (c >= 0x80)
            return false;
        c = (uint8_t)(c ^ (random_below(e->r, 2) ? 0x20 : 1U << random_below(e->r, 7)));
        if (c == 0)
            return false;
    } else {
        c = (uint8_t)(c ^ 1U << random_below(e->r, 8));
    }
    return text_edit_replace(e, at, at + 1, BYTES(&c, 1));
}

/* A decimal number in the text becomes another one. */
static bool edit_number(const struct text_edit *e)
{
    size_t at = 0, end;
    uint64_t v = 0;
    char digits[24];
    size_t n = sizeof digits;
    if (e->old.len == 0)
        return false;
    at = (size_t)random_below(e->r, e->old.len);
    while (at < e->old.len && (e->old.data[at] < '0' || e->old.data[at] > '9'))
        at++;
    if (at == e->old.len)
        return false;
    while (at > 0 && e->old.data[at - 1] >= '0' && e->old.data[at - 1] <= '9')
        at--;
    for (end = at; end < e->old.len && e->old.data[end] >= '0' && e->old.data[end] <= '9'; end++)
        v = v * 10 + (uint64_t)(e->old.data[end] - '0');
    const struct pb_field integer = {.kind = PB_UINT64};
    const char *unused;
    v = value_change(e->r, &integer, v, &unused);
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return text_edit_replace(e, at, end, BYTES(digits + n, sizeof digits - n));
}

static bool edit_long(const struct text_edit *e)
{
    static const size_t lengths[] = {64, 127, 128, 255, 256, 257, 1023, 1024, 4096, FUZZ_LENGTH_LONG, 16384, 65536};
    size_t want = lengths[random_below(e->r, COUNT(lengths) - (random_below(e->r, 8) ? 2 : 0))];
    want = at_most(want, e->max);
    if (want <= e->old.len)
        return false;
    size_t at = any_place(e);
    fuzz_put(e->out, e->old.data, at);
    put_letters(e->r, e->field, want - e->old.len, e->out);
    fuzz_put(e->out, e->old.data + at, e->old.len - at);
    return true;
}

static bool edit_empty(const struct text_edit *e)
{
    return e->old.len > 0;
}

struct edit_row {
    const char *name;
    bool (*apply)(const struct text_edit *e);
};

/* Where it would be taken apart, by what it seems to be; NULL: that is not its turn, or it is empty. */
static const struct edit_row *draw_form(const struct text_edit *e)
{
    static const struct edit_row parts = {"text-parts", value_parts_change}, json = {"text-json", value_json_change},
                                 claim = {"text-claim", value_token_change};
    uint8_t first = e->old.len > 1 ? e->old.data[0] : 0;
    if (first == 0 || random_below(e->r, 4) > 0)
        return NULL;
    if (first == '{' || first == '[')
        return &json;
    /* Base64 of '{' and a quote. */
    return memcmp(e->old.data, "ey", 2) == 0 && random_below(e->r, 2) ? &claim : &parts;
}

void value_text_change(struct random *r, const struct pb_field *f, struct bytes old, size_t max, struct text *out,
                       const char **what)
{
    static const struct edit_row edits[] = {
        {"text-insert", edit_insert}, {"text-token", edit_token}, {"text-delete", edit_delete}, {"text-cut", edit_cut},
        {"text-repeat", edit_repeat}, {"text-char", edit_char},   {"text-char", edit_char},     {"text-bit", edit_bit},
        {"text-number", edit_number}, {"text-long", edit_long},   {"text-empty", edit_empty},
    };
    const struct text_edit e = {r, f, old, max, out};
    size_t base = out->len;
    for (int tries = 0; tries < 8; tries++) {
        const struct edit_row *edit = draw_form(&e);
        if (edit == NULL)
            edit = &edits[random_below(r, COUNT(edits))];
        *what = edit->name;
        if (edit->apply(&e) && !bytes_equal(BYTES(text_bytes(out).data + base, out->len - base), old))
            return;
        if (!text_ok(out))
            return;
        text_truncate(out, base);
    }
    *what = "text-fresh";
    value_text_fresh(r, f, max, out);
}

void value_text_damage(struct random *r, const struct pb_field *f, struct bytes old, size_t max, struct text *out)
{
    const struct text_edit e = {r, f, old, max, out};
    const char *what;
    size_t base = out->len;
    if (random_below(r, 4) > 0 && value_json_change(&e))
        return;
    text_truncate(out, base);
    value_text_change(r, f, old, max, out, &what);
}
