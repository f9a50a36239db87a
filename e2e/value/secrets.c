/* Secrets: texts that no report shows. Kept are the text and what base64 makes of it at any place of a longer text
 * ("user:password" too); how JSON, URLs, forms and HTML write them is read where a text is looked through, since each
 * of them has several ways to write one character. */
#include "e2e/internal.h"

#include "base/base64.h"
#include "base/secret_name.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

#define HIDDEN_LENGTH_MIN 4 /* bytes; shorter values would hide half of every text */
#define MIDDLE_LENGTH_MIN 5 /* letters of a middle, likewise */
#define SHOWN_INSTEAD     "(hidden)"

/* ---- what is kept ---- */

static bool keep(struct flow_context *x, const char *form, size_t len)
{
    json_t *all = x->run->secrets, *item;
    size_t i;
    json_array_foreach(all, i, item)
    {
        if (json_string_length(item) == len && memcmp(json_string_value(item), form, len) == 0)
            return true;
    }
    return json_array_append_new(all, json_stringn(form, len)) == 0;
}

/* The letters of `value` in base64 that its neighbours have no part in, when `before` bytes of three stand in front. */
static bool keep_middle(struct flow_context *x, const char *value, size_t before,
                        void (*encode)(struct text *, struct bytes))
{
    struct text whole = TEXT_INIT, letters = TEXT_INIT;
    text_add(&whole, "\0\0", before);
    text_puts(&whole, value);
    encode(&letters, text_bytes(&whole));
    size_t skipped = before == 0 ? 0 : before + 1, end = whole.len * 8 / 6;
    bool ok = text_ok(&whole) && text_ok(&letters);
    if (ok && end >= skipped + MIDDLE_LENGTH_MIN)
        ok = keep(x, text_string(&letters) + skipped, end - skipped);
    text_deinit(&whole);
    text_deinit(&letters);
    return ok;
}

static bool keep_whole(struct flow_context *x, const char *value, void (*encode)(struct text *, struct bytes))
{
    struct text letters = TEXT_INIT;
    encode(&letters, bytes_of(value));
    bool ok = text_ok(&letters) && keep(x, text_string(&letters), letters.len);
    text_deinit(&letters);
    return ok;
}

static bool keep_forms(struct flow_context *x, const char *value)
{
    bool ok = keep(x, value, strlen(value)) && keep_whole(x, value, base64_encode) &&
              keep_whole(x, value, base64_encode_bare) && keep_whole(x, value, base64_encode_url);
    for (size_t before = 0; ok && before < 3; before++)
        ok = keep_middle(x, value, before, base64_encode_bare) && keep_middle(x, value, before, base64_encode_url);
    return ok;
}

bool secret_add(struct flow_context *x, const json_t *value)
{
    json_t *walked, *item;
    const char *key;
    size_t i;
    memcpy(&walked, &value,
           sizeof walked); /* jansson's iterators take an object that may be changed; this one is not */
    bool ok = true;
    /* From zero character to zero character: where the text is shown, those are written otherwise. */
    for (size_t at = 0, len; json_is_string(value) && at <= json_string_length(value) && ok; at += len + 1) {
        const char *part = json_string_value(value) + at;
        len = strlen(part);
        ok = len < HIDDEN_LENGTH_MIN || keep_forms(x, part);
    }
    json_array_foreach(walked, i, item)
    {
        ok = ok && secret_add(x, item);
    }
    json_object_foreach(walked, key, item)
    {
        ok = ok && secret_add(x, item);
    }
    return ok;
}

/* ---- what is looked through ---- */

static int hex_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* `digits` hexadecimal ones; -1: they are not there. */
static long hex_number(const char *s, size_t digits)
{
    long value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (hex_value(s[i]) < 0)
            return -1;
        value = value * 16 + hex_value(s[i]);
    }
    return value;
}

struct in_address {
    struct flow_context *x;
    bool ok;
};

static bool keep_bytes(struct flow_context *x, struct bytes b)
{
    if (!utf8_valid(b)) /* no report shows it either */
        return true;
    json_t *text = json_stringn((const char *)b.data, b.len);
    bool ok = text != NULL && secret_add(x, text);
    json_decref(text);
    return ok;
}

static void keep_in_address(void *arg, const char *secret, size_t len)
{
    struct in_address *a = arg;
    struct text meant = TEXT_INIT;
    for (size_t i = 0; i < len; i++) {
        long code = secret[i] == '%' && i + 2 < len ? hex_number(secret + i + 1, 2) : -1;
        text_char(&meant, code > 0 ? (char)code : secret[i]);
        i += code > 0 ? 2 : 0;
    }
    a->ok = a->ok && text_ok(&meant) && keep_bytes(a->x, BYTES(secret, len)) && keep_bytes(a->x, text_bytes(&meant));
    text_deinit(&meant);
}

bool secret_add_address(struct flow_context *x, const char *text)
{
    struct in_address a = {x, true};
    secrets_in_address(text, keep_in_address, &a);
    return a.ok;
}

/* Are the next bytes of the secret this character? How many they are; 0: no. */
static size_t is_character(const char *secret, long code)
{
    char bytes[UTF8_MAX];
    size_t len = code > 0 ? utf8_write((uint32_t)code, bytes) : 0;
    return len > 0 && strncmp(secret, bytes, len) == 0 ? len : 0;
}

/* An escape stands for `*taken` bytes of the secret. Its length; 0: it is none, or stands for something else. */
static size_t json_escape(const char *s, const char *secret, size_t *taken)
{
    static const char letters[] = "ntrbf", controls[] = "\n\t\r\b\f";
    size_t run = strspn(s, "\\"), own = strspn(secret, "\\"); /* JSON in JSON escapes its escapes */
    const char *letter = s[run] != '\0' ? strchr(letters, s[run]) : NULL;
    *taken = own;
    if (own > 0)
        return run >= own ? run : 0;
    *taken = 1;
    if (letter != NULL && *secret == controls[letter - letters])
        return run + 1;
    if (s[run] != 'u')
        return s[run] == *secret && s[run] != '\0' ? run + 1 : 0;
    long code = hex_number(s + run + 1, 4), low = -1;
    size_t len = run + 5;
    if (code >= 0xD800 && code < 0xDC00) {
        size_t more = strspn(s + len, "\\");
        low = more > 0 && s[len + more] == 'u' ? hex_number(s + len + more + 1, 4) : -1;
        code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : -1;
        len += more + 5;
    }
    *taken = is_character(secret, code);
    return *taken > 0 ? len : 0;
}

static size_t html_escape(const char *s, const char *secret)
{
    static const struct {
        const char *words;
        char is;
    } all[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},  {"&quot;", '"'},
               {"&#39;", '\''}, {"&#x27;", '\''}, {"&#34;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].is == *secret && strncmp(s, all[i].words, strlen(all[i].words)) == 0)
            return strlen(all[i].words);
    return 0;
}

/* How many bytes of `s` are the whole secret, in whatever way its characters are written; 0: it does not stand there.
 */
static size_t stands_at(const char *s, const char *secret)
{
    const char *from = s;
    while (*secret != '\0') {
        size_t len = 0, taken = 1;
        if (*s == '%' && hex_number(s + 1, 2) == (unsigned char)*secret)
            len = 3;
        else if (*s == '\\')
            len = json_escape(s, secret, &taken);
        else if (*s == '&')
            len = html_escape(s, secret);
        else if (*s == '+' && *secret == ' ')
            len = 1;
        if (len == 0 && *s == *secret) {
            len = 1;
            taken = 1;
        }
        if (len == 0)
            return 0;
        s += len;
        secret += taken;
    }
    return (size_t)(s - from);
}

/* May some way of writing have other characters for it? */
static bool may_be_escaped(const char *secret)
{
    for (const char *p = secret; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("-._~", *p) == NULL)
            return true;
    return false;
}

/* The first place of it in `s`; NULL: none. */
static const char *find(const char *s, const char *secret, bool escapes)
{
    const char *plain = strstr(s, secret);
    if (plain != NULL || !escapes || !may_be_escaped(secret))
        return plain;
    for (; *s != '\0'; s++)
        if ((*s == *secret || *s == '%' || *s == '\\' || *s == '&' || *s == '+') && stands_at(s, secret) > 0)
            return s;
    return NULL;
}

/* Length of the longest that stands at the beginning of `s`; 0: none. */
static size_t hidden_at(const struct flow_context *x, const char *s)
{
    size_t longest = 0, i;
    json_t *item;
    json_array_foreach(x->run->secrets, i, item)
    {
        size_t len = stands_at(s, json_string_value(item));
        longest = len > longest ? len : longest;
    }
    return longest;
}

static bool anything_hidden(const struct flow_context *x, const char *s)
{
    size_t i;
    json_t *item;
    bool escapes = strpbrk(s, "%\\&+") != NULL;
    json_array_foreach(x->run->secrets, i, item)
    {
        if (find(s, json_string_value(item), escapes) != NULL)
            return true;
    }
    return false;
}

void secret_hide(const struct flow_context *x, const char *s, struct text *out)
{
    if (!anything_hidden(x, s)) {
        text_puts(out, s);
        return;
    }
    while (*s != '\0') {
        size_t hidden = hidden_at(x, s);
        if (hidden > 0)
            text_puts(out, SHOWN_INSTEAD);
        else
            text_char(out, *s);
        s += hidden > 0 ? hidden : 1;
    }
}
