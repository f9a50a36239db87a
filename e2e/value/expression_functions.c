/* What expressions call. Names and meanings are those of expr-lang.org and of runn. */
#include "base/base64.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "e2e/value/expression.h"
#include "e2e/value/expression_lists.h"
#include "e2e/value/expression_tokens.h"
#include "e2e/value/query.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_READ_MAX ((size_t)4 << 20) /* bytes */
#define ARGS_MANY     EXPR_ITEMS_MAX

typedef json_t *function(struct evaluation *v, const char *name, json_t *const *args, size_t count);

static json_t *wrong(struct evaluation *v, const char *name, const char *wants, const json_t *found)
{
    return evaluation_fail(v, "%s() takes %s, and this is a %s", name, wants, flow_value_type(found));
}

static json_t *text_value(struct text *t)
{
    json_t *out = text_ok(t) ? json_stringn(text_string(t), t->len) : NULL;
    text_deinit(t);
    return out;
}

/* ---- kinds and casts ---- */

static size_t characters(const json_t *v)
{
    struct bytes b = BYTES(json_string_value(v), json_string_length(v));
    size_t count = 0;
    uint32_t c;
    for (size_t at = 0; at < b.len; count++)
        (void)utf8_next(b, &at, &c);
    return count;
}

static json_t *f_len(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    (void)count;
    if (json_is_string(a[0]))
        return json_integer((json_int_t)characters(a[0]));
    if (json_is_array(a[0]) || json_is_object(a[0]))
        return json_integer((json_int_t)(json_is_array(a[0]) ? json_array_size(a[0]) : json_object_size(a[0])));
    return wrong(v, name, "a text, a list or a map", a[0]);
}

static json_t *f_type(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    static const char *const names[] = {"map", "array", "string", "int", "float", "bool", "bool", "nil"};
    (void)v;
    (void)name;
    (void)count;
    return json_string(names[json_typeof(a[0])]);
}

static json_t *f_string(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text out = TEXT_INIT;
    (void)v;
    (void)name;
    (void)count;
    value_text(a[0], &out);
    return text_value(&out);
}

static json_t *f_int(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    (void)count;
    if (json_is_integer(a[0]))
        return json_incref(a[0]);
    if (json_is_real(a[0]) && fabs(json_real_value(a[0])) < 9e18)
        return json_integer((json_int_t)json_real_value(a[0]));
    const char *s = json_string_value(a[0]);
    char *end = NULL;
    errno = 0;
    long long value = s != NULL ? strtoll(s, &end, 10) : 0;
    return s != NULL && end != s && *end == '\0' && errno == 0 ? json_integer(value)
                                                               : wrong(v, name, "a number, or a text of digits", a[0]);
}

static json_t *f_float(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    (void)count;
    if (json_is_number(a[0]))
        return json_real(json_number_value(a[0]));
    const char *s = json_string_value(a[0]);
    char *end = NULL;
    double value = s != NULL ? strtod(s, &end) : 0;
    return s != NULL && end != s && *end == '\0' && isfinite(value)
               ? json_real(value)
               : wrong(v, name, "a number, or a text that is one", a[0]);
}

static json_t *f_bool(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    static const char *const words[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
                                            {"1", "t", "T", "true", "TRUE", "True"}};
    (void)count;
    if (json_is_boolean(a[0]) || json_is_null(a[0]))
        return json_boolean(json_is_true(a[0]));
    if (json_is_integer(a[0]))
        return json_boolean(json_integer_value(a[0]) != 0);
    for (size_t i = 0; json_is_string(a[0]) && i < 12; i++)
        if (strcmp(json_string_value(a[0]), words[i / 6][i % 6]) == 0)
            return json_boolean(i >= 6);
    return wrong(v, name, "true, false, or a text that says so", a[0]);
}

/* ---- texts ---- */

static json_t *f_text(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text out = TEXT_INIT;
    struct bytes in = BYTES(json_string_value(a[0]), json_string_length(a[0]));
    (void)count;
    if (!json_is_string(a[0]))
        return wrong(v, name, "a text", a[0]);
    if (strcmp(name, "trim") == 0) {
        while (in.len > 0 && isspace(in.data[0]))
            in = BYTES(in.data + 1, in.len - 1);
        while (in.len > 0 && isspace(in.data[in.len - 1]))
            in.len--;
        text_add(&out, in.data, in.len);
    } else if (strcmp(name, "toBase64") == 0) {
        base64_encode(&out, in);
    } else if (strcmp(name, "fromBase64") == 0) {
        if (!base64_decode(&out, in) && text_ok(&out))
            evaluation_fail(v, "fromBase64(): this is not base64");
        json_t *bytes = v->x->error.code == 0 && text_ok(&out) ? value_of_bytes(text_bytes(&out)) : NULL;
        text_deinit(&out);
        return bytes;
    } else if (strcmp(name, "basename") == 0) {
        const char *slash = strrchr((const char *)in.data, '/');
        text_puts(&out, slash != NULL ? slash + 1 : (const char *)in.data);
    } else {
        bool url = strcmp(name, "urlencode") == 0, up = strcmp(name, "upper") == 0;
        for (size_t i = 0; i < in.len; i++) {
            int c = in.data[i];
            if (!url)
                text_char(&out, (char)(up ? toupper(c) : tolower(c)));
            else if (isalnum(c) || memchr("-._~", c, 4) != NULL)
                text_char(&out, (char)c);
            else if (c == ' ')
                text_char(&out, '+');
            else
                text_printf(&out, "%%%02X", (unsigned)c);
        }
    }
    return text_value(&out);
}

static json_t *f_split(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    const char *s = json_string_value(a[0]), *by = json_string_value(a[1]);
    (void)count;
    if (s == NULL || by == NULL || by[0] == '\0')
        return wrong(v, name, "two texts, the second not empty", s == NULL ? a[0] : a[1]);
    json_t *out = json_array();
    for (bool more = true; more && out != NULL;) {
        const char *next = strstr(s, by);
        more = next != NULL;
        if (json_array_append_new(out, json_stringn(s, more ? (size_t)(next - s) : strlen(s))) != 0) {
            json_decref(out);
            out = NULL;
        }
        s = more ? next + strlen(by) : s;
    }
    return out;
}

static json_t *f_join(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text out = TEXT_INIT;
    const char *by = count > 1 ? json_string_value(a[1]) : "";
    if (!json_is_array(a[0]) || by == NULL)
        return wrong(v, name, "a list of texts, and a text", a[0]);
    for (size_t i = 0; i < json_array_size(a[0]); i++) {
        const json_t *one = json_array_get(a[0], i);
        if (!json_is_string(one)) {
            text_deinit(&out);
            return wrong(v, name, "a list of texts", one);
        }
        text_puts(&out, i > 0 ? by : "");
        text_add(&out, json_string_value(one), json_string_length(one));
    }
    return text_value(&out);
}

static json_t *f_replace(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text out = TEXT_INIT;
    (void)count;
    for (size_t i = 0; i < 3; i++)
        if (!json_is_string(a[i]))
            return wrong(v, name, "three texts", a[i]);
    const char *s = json_string_value(a[0]), *from = json_string_value(a[1]), *next;
    if (from[0] == '\0')
        return evaluation_fail(v, "replace(): nothing cannot be replaced");
    for (; (next = strstr(s, from)) != NULL && out.len < REPLY_MAX; s = next + strlen(from)) {
        text_add(&out, s, (size_t)(next - s));
        text_puts(&out, json_string_value(a[2]));
    }
    text_puts(&out, s);
    return text_value(&out);
}

static json_t *f_to_json(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    char *dumped = json_text_by(a[0], JSON_INDENT(2) | JSON_SORT_KEYS);
    json_t *out = dumped != NULL ? json_string(dumped) : NULL;
    (void)v;
    (void)name;
    (void)count;
    free(dumped);
    return out;
}

static json_t *f_from_json(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    json_error_t why;
    (void)count;
    if (!json_is_string(a[0]))
        return wrong(v, name, "a text", a[0]);
    json_t *out = json_loadb(json_string_value(a[0]), json_string_length(a[0]), JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    return out != NULL || json_error_code(&why) == json_error_out_of_memory
               ? out
               : evaluation_fail(v, "fromJSON(): line %d, column %d: %s", why.line, why.column, why.text);
}

/* ---- lists and maps ---- */

static json_t *f_keys(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    const char *key;
    json_t *value, *out = json_array();
    (void)count;
    if (!json_is_object(a[0])) {
        json_decref(out);
        return wrong(v, name, "a map", a[0]);
    }
    bool values = name[0] == 'v', ok = out != NULL;
    json_object_foreach(a[0], key, value)
    {
        ok = ok && (values ? json_array_append(out, value) : json_array_append_new(out, json_string(key))) == 0;
    }
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static json_t *f_end(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    size_t size = json_array_size(a[0]);
    (void)count;
    if (!json_is_array(a[0]))
        return wrong(v, name, "a list", a[0]);
    return size == 0 ? json_null() : json_incref(json_array_get(a[0], name[0] == 'f' ? 0 : size - 1));
}

/* min, max and sum, of numbers or of one list of them. */
static json_t *f_numbers(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    bool list = count == 1 && json_is_array(a[0]);
    size_t size = list ? json_array_size(a[0]) : count;
    json_int_t whole = 0;
    double best = 0;
    bool all_whole = true;
    for (size_t i = 0; i < size; i++) {
        const json_t *one = list ? json_array_get(a[0], i) : a[i];
        if (!json_is_number(one))
            return wrong(v, name, "numbers, or a list of them", one);
        double value = json_number_value(one);
        all_whole = all_whole && json_is_integer(one);
        bool better = i == 0 || (strcmp(name, "min") == 0 ? value < best : value > best);
        if (strcmp(name, "sum") == 0) {
            best += value;
            if (json_is_integer(one) && __builtin_add_overflow(whole, json_integer_value(one), &whole))
                all_whole = false;
        } else if (better) {
            best = value;
            whole = json_is_integer(one) ? json_integer_value(one) : 0;
        }
    }
    if (size == 0 && strcmp(name, "sum") != 0)
        return evaluation_fail(v, "%s(): there are no numbers", name);
    return all_whole ? json_integer(whole) : json_real(best);
}

static json_t *f_round(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    (void)count;
    if (!json_is_number(a[0]))
        return wrong(v, name, "a number", a[0]);
    double x = json_number_value(a[0]);
    if (strcmp(name, "abs") == 0 && json_is_integer(a[0]))
        return json_integer_value(a[0]) == INT64_MIN ? evaluation_fail(v, "abs(): this number is too large")
                                                     : json_integer(llabs(json_integer_value(a[0])));
    return json_real(name[0] == 'a' ? fabs(x) : name[0] == 'c' ? ceil(x) : name[0] == 'f' ? floor(x) : round(x));
}

static bool is_named(json_t *const *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (json_is_string(keys[i]) && strcmp(json_string_value(keys[i]), name) == 0)
            return true;
    return false;
}

/* pick(map, names...) and omit(map, names...) */
static json_t *f_pick(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    const char *key;
    json_t *value;
    if (!json_is_object(a[0]))
        return wrong(v, name, "a map", a[0]);
    for (size_t i = 1; i < count; i++)
        if (!json_is_string(a[i]))
            return wrong(v, name, "a map and names", a[i]);
    json_t *out = json_object();
    bool ok = out != NULL;
    json_object_foreach(a[0], key, value)
    {
        if (is_named(a + 1, count - 1, key) == (name[0] == 'p'))
            ok = ok && json_object_set(out, key, value) == 0;
    }
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static json_t *f_merge(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    json_t *out = json_object();
    for (size_t i = 0; i < count && out != NULL; i++) {
        if (json_is_object(a[i]) && json_object_update(out, a[i]) == 0)
            continue;
        json_decref(out);
        return json_is_object(a[i]) ? NULL : wrong(v, name, "maps", a[i]);
    }
    return out;
}

static json_t *f_concat(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    json_t *out = json_array();
    for (size_t i = 0; i < count && out != NULL; i++) {
        if (json_is_array(a[i]) && json_array_extend(out, a[i]) == 0)
            continue;
        json_decref(out);
        return json_is_array(a[i]) ? NULL : wrong(v, name, "lists", a[i]);
    }
    return out;
}

static json_t *f_intersect(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    (void)count;
    if (!json_is_array(a[0]) || !json_is_array(a[1]))
        return wrong(v, name, "two lists", json_is_array(a[0]) ? a[1] : a[0]);
    json_t *out = json_array();
    for (size_t i = 0; out != NULL && i < json_array_size(a[0]); i++) {
        json_t *one = json_array_get(a[0], i);
        bool both = false;
        for (size_t k = 0; k < json_array_size(a[1]); k++)
            both = both || expression_equal(one, json_array_get(a[1], k));
        if (both && json_array_append(out, one) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

/* Equal but for members with these names, on every level. */
static bool alike(const json_t *a, const json_t *b, json_t *const *keys, size_t count)
{
    const char *key;
    json_t *value, *walked;
    if (json_is_array(a) && json_is_array(b)) {
        bool same = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; same && i < json_array_size(a); i++)
            same = alike(json_array_get(a, i), json_array_get(b, i), keys, count);
        return same;
    }
    if (!json_is_object(a) || !json_is_object(b))
        return expression_equal(a, b);
    bool same = true;
    memcpy(&walked, &a, sizeof walked);
    json_object_foreach(walked, key, value)
    {
        const json_t *other = json_object_get(b, key);
        same = same && (is_named(keys, count, key) || (other != NULL && alike(value, other, keys, count)));
    }
    memcpy(&walked, &b, sizeof walked);
    json_object_foreach(walked, key, value)
    {
        same = same && (is_named(keys, count, key) || json_object_get(a, key) != NULL);
    }
    return same;
}

/* compare(a, b, names...) and diff(): names, or one list of them, are not compared. */
static json_t *f_compare(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    json_t *names[ARGS_MANY];
    size_t many = 0;
    for (size_t i = 2; i < count; i++) {
        size_t inside = json_is_array(a[i]) ? json_array_size(a[i]) : 1;
        for (size_t k = 0; k < inside; k++) {
            json_t *one = json_is_array(a[i]) ? json_array_get(a[i], k) : a[i];
            if (!json_is_string(one))
                return wrong(v, name, "names of members behind the first two", one);
            if (json_string_value(one)[0] == '.')
                return evaluation_fail(v, "%s(): paths of jq (%s) are not read; names of members are", name,
                                       json_string_value(one));
            if (many == ARGS_MANY)
                return evaluation_fail(v, "%s(): more than %d names", name, ARGS_MANY);
            names[many++] = one;
        }
    }
    bool same = alike(a[0], a[1], names, many);
    if (strcmp(name, "compare") == 0)
        return json_boolean(same);
    struct text out = TEXT_INIT;
    if (!same) {
        text_puts(&out, "- ");
        value_text(a[0], &out);
        text_puts(&out, "\n+ ");
        value_text(a[1], &out);
    }
    return text_value(&out);
}

/* ---- the world ---- */

static json_t *f_file(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text content = TEXT_INIT;
    json_t *out = NULL;
    (void)count;
    if (!json_is_string(a[0]))
        return wrong(v, name, "a file's name", a[0]);
    if (flow_read_file(v->x, v->n, json_string_value(a[0]), FILE_READ_MAX, &content) == 0)
        out = value_of_bytes(text_bytes(&content));
    text_deinit(&content);
    return out;
}

static json_t *f_hash(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct query_run run = {.x = v->x, .n = v->n};
    struct text sum = TEXT_INIT, hex = TEXT_INIT;
    json_t *bytes = NULL;
    (void)count;
    if (!json_is_string(a[0]))
        return wrong(v, name, "a text", a[0]);
    if (query_run_hash(&run, strcmp(name, "hash.Sha512") == 0 ? "SHA512" : "SHA256",
                       BYTES(json_string_value(a[0]), json_string_length(a[0])), &bytes) == 0 &&
        query_is_bytes(bytes, &sum))
        for (size_t i = 0; i < sum.len; i++)
            text_printf(&hex, "%02x", (unsigned)(unsigned char)sum.data[i]);
    hex.failed = hex.failed || !text_ok(&sum);
    json_decref(bytes);
    text_deinit(&sum);
    return text_value(&hex);
}

/* env(NAME, text for when it is not there) */
static json_t *f_env(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text key = TEXT_INIT;
    json_t *out = NULL;
    for (size_t i = 0; i < count; i++)
        if (!json_is_string(a[i]))
            return wrong(v, name, "a name, and a text", a[i]);
    const char *there = getenv(json_string_value(a[0]));
    if (count > 1 && (there == NULL || there[0] == '\0'))
        return json_incref(a[1]);
    text_printf(&key, "env.%s", json_string_value(a[0]));
    if (text_ok(&key))
        (void)drawn_value(v->x, v->n, text_string(&key), &out);
    text_deinit(&key);
    return out;
}

/* A text that is a number, true, false or null becomes that. */
static json_t *f_scalar(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    (void)count;
    if (!json_is_string(a[0]))
        return wrong(v, name, "a text", a[0]);
    json_t *out = json_loads(json_string_value(a[0]), JSON_DECODE_ANY, NULL);
    if (out == NULL || json_is_string(out) || json_is_object(out) || json_is_array(out)) {
        json_decref(out);
        out = json_incref(a[0]);
    }
    return out;
}

static json_t *drawn(struct evaluation *v, const char *name)
{
    json_t *out = NULL;
    (void)drawn_value(v->x, v->n, name, &out);
    return out;
}

static json_t *f_faker(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    static const char *const names[][2] = {{"faker.Name", "fake.name"},          {"faker.FirstName", "fake.first_name"},
                                           {"faker.LastName", "fake.last_name"}, {"faker.UUID", "fake.uuid"},
                                           {"faker.Email", "fake.email"},        {"faker.UUIDv4", "fake.uuid"},
                                           {"faker.Int", "fake.number"},         {"faker.Username", "unique"}};
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], name) == 0)
            return drawn(v, names[i][1]);
    if (strcmp(name, "faker.IntRange") == 0) {
        json_int_t from = json_integer_value(a[0]), to = json_integer_value(a[1]);
        if (count != 2 || !json_is_integer(a[0]) || !json_is_integer(a[1]) || to < from || from < INT32_MIN ||
            to > INT32_MAX)
            return evaluation_fail(v, "faker.IntRange() takes two whole numbers, the lesser first");
        json_t *id = drawn(v, "fake.uuid"); /* the last digits of one are drawn evenly */
        const char *tail = id != NULL ? json_string_value(id) + 24 : "0";
        unsigned long long number = strtoull(tail, NULL, 16);
        json_decref(id);
        return id != NULL ? json_integer(from + (json_int_t)(number % (unsigned long long)(to - from + 1))) : NULL;
    }
    json_t *word = drawn(v, "fake.word");
    bool url = strcmp(name, "faker.URL") == 0;
    text_printf(&out, "%s%s.example%s", url ? "https://" : "", word != NULL ? json_string_value(word) : "",
                url ? "/" : "");
    bool ok = word != NULL;
    json_decref(word);
    if (ok)
        return text_value(&out);
    text_deinit(&out);
    return NULL;
}

/* ---- the table ---- */

static const struct row {
    const char *name;
    size_t least, most;
    function *run; /* NULL: expression.c does it */
} rows[] = {
    {"abs", 1, 1, f_round},
    {"all", 2, 2, NULL},
    {"any", 2, 2, NULL},
    {"basename", 1, 1, f_text},
    {"bool", 1, 1, f_bool},
    {"ceil", 1, 1, f_round},
    {"compare", 2, ARGS_MANY, f_compare},
    {"concat", 1, ARGS_MANY, f_concat},
    {"count", 2, 2, NULL},
    {"diff", 2, ARGS_MANY, f_compare},
    {"env", 1, 2, f_env},
    {"faker.Domain", 0, 0, f_faker},
    {"faker.Email", 0, 0, f_faker},
    {"faker.FirstName", 0, 0, f_faker},
    {"faker.Int", 0, 0, f_faker},
    {"faker.IntRange", 2, 2, f_faker},
    {"faker.LastName", 0, 0, f_faker},
    {"faker.Name", 0, 0, f_faker},
    {"faker.URL", 0, 0, f_faker},
    {"faker.UUID", 0, 0, f_faker},
    {"faker.UUIDv4", 0, 0, f_faker},
    {"faker.Username", 0, 0, f_faker},
    {"file", 1, 1, f_file},
    {"filter", 2, 2, NULL},
    {"first", 1, 1, f_end},
    {"flatten", 1, 1, expression_flatten},
    {"float", 1, 1, f_float},
    {"floor", 1, 1, f_round},
    {"fromBase64", 1, 1, f_text},
    {"fromJSON", 1, 1, f_from_json},
    {"hasPrefix", 2, 2, expression_has_prefix},
    {"hasSuffix", 2, 2, expression_has_suffix},
    {"hash.Sha256", 1, 1, f_hash},
    {"hash.Sha512", 1, 1, f_hash},
    {"indexOf", 2, 2, expression_index_of},
    {"int", 1, 1, f_int},
    {"intersect", 2, 2, f_intersect},
    {"join", 1, 2, f_join},
    {"jwt.Parse", 2, 2, expression_jwt_parse},
    {"jwt.Sign", 1, 1, expression_jwt_sign},
    {"keys", 1, 1, f_keys},
    {"last", 1, 1, f_end},
    {"lastIndexOf", 2, 2, expression_last_index_of},
    {"len", 1, 1, f_len},
    {"lower", 1, 1, f_text},
    {"map", 2, 2, NULL},
    {"max", 1, ARGS_MANY, f_numbers},
    {"mean", 1, 1, expression_mean},
    {"median", 1, 1, expression_median},
    {"merge", 1, ARGS_MANY, f_merge},
    {"min", 1, ARGS_MANY, f_numbers},
    {"none", 2, 2, NULL},
    {"omit", 1, ARGS_MANY, f_pick},
    {"one", 2, 2, NULL},
    {"pick", 1, ARGS_MANY, f_pick},
    {"repeat", 2, 2, expression_repeat},
    {"replace", 3, 3, f_replace},
    {"reverse", 1, 1, expression_reverse},
    {"round", 1, 1, f_round},
    {"scalar", 1, 1, f_scalar},
    {"sort", 1, 1, expression_sort},
    {"split", 2, 2, f_split},
    {"string", 1, 1, f_string},
    {"sum", 1, ARGS_MANY, f_numbers},
    {"take", 2, 2, expression_take},
    {"time", 1, 1, expression_time},
    {"toBase64", 1, 1, f_text},
    {"toJSON", 1, 1, f_to_json},
    {"trim", 1, 1, f_text},
    {"trimPrefix", 2, 2, expression_trim_prefix},
    {"trimSuffix", 2, 2, expression_trim_suffix},
    {"type", 1, 1, f_type},
    {"uniq", 1, 1, expression_uniq},
    {"upper", 1, 1, f_text},
    {"urlencode", 1, 1, f_text},
    {"values", 1, 1, f_keys},
};

static const struct row *find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool expr_function_known(const char *name, size_t count)
{
    const struct row *row = find(name);
    return row != NULL && count >= row->least && count <= row->most;
}

/* The others see a text up to a zero character. */
static bool takes_zero(const char *name)
{
    static const char *const names[] = {"compare", "diff",  "fromJSON", "hash.Sha256", "hash.Sha512",
                                        "len",     "lower", "repeat",   "string",      "toBase64",
                                        "toJSON",  "trim",  "type",     "upper",       "urlencode"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

json_t *expression_call(struct evaluation *v, const char *name, json_t *const *args, size_t count)
{
    const struct row *row = find(name);
    if (row == NULL || row->run == NULL)
        return evaluation_fail(v, "%s() takes a list and what is done with each item: %s(list, {# > 0})", name, name);
    for (size_t i = 0; i < count; i++)
        if (value_has_zero(args[i]) && !takes_zero(name))
            return evaluation_fail(v, "%s() takes no text with a zero character", name);
    return row->run(v, name, args, count);
}
