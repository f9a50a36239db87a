/* Expressions: what they come to. */
#include "e2e/value/expression.h"

#include "e2e/value/query.h"
#include "e2e/value/regex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *evaluation_fail(struct evaluation *v, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    if (v->x->error.code != 0)
        return NULL;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    if (text_ok(&message))
        node_error(v->n, &v->x->error, ERROR_INVALID, "%s", text_string(&message));
    else
        flow_memory(v->x);
    text_deinit(&message);
    return NULL;
}

static json_t *kept(struct evaluation *v, json_t *value)
{
    if (value == NULL && v->x->error.code == 0)
        flow_memory(v->x);
    return value;
}

struct scope {
    const json_t *item;
    const struct scope *around;
};

static json_t *eval(struct evaluation *v, const struct expr *e, const json_t *item);

/* ---- names and members ---- */

/* Of what is not there it is nil. Borrowed; NULL: the error is set, or (with `maybe`) it is nil. */
static const json_t *part_of(struct evaluation *v, const json_t *of, const char *name, int64_t index, bool maybe)
{
    if (json_is_object(of) && name != NULL)
        return json_object_get(of, name);
    if (json_is_array(of) && name == NULL) {
        int64_t size = (int64_t)json_array_size(of), at = index < 0 ? index + size : index;
        if (at < 0 || at >= size)
            evaluation_fail(v, "there is no item %lld in a list of %lld", (long long)index, (long long)size);
        return json_array_get(of, (size_t)at);
    }
    if (maybe && (of == NULL || json_is_null(of)))
        return NULL;
    if (name != NULL)
        evaluation_fail(v, "a %s has no member %s", of == NULL ? "nil" : flow_value_type(of), name);
    else
        evaluation_fail(v, "a %s has no item %lld", of == NULL ? "nil" : flow_value_type(of), (long long)index);
    return NULL;
}

static json_t *given(const json_t *value)
{
    json_t *counted;
    memcpy(&counted, &value, sizeof counted); /* a reference may be taken of what is not changed */
    return value != NULL ? json_incref(counted) : json_null();
}

static json_t *name_value(struct evaluation *v, const struct expr *e)
{
    const char *first = e->parts[0].name;
    json_t *drawn = NULL;
    const json_t *at =
        strcmp(first, "answer") == 0 && v->x->answer != NULL ? v->x->answer : json_object_get(v->x->variables, first);
    size_t i = 1;
    if (at == NULL) { /* ${...} knows it, or says what is near */
        struct text reference = TEXT_INIT;
        text_printf(&reference, "${%s", first);
        bool dotted = strcmp(first, "env") == 0 || strcmp(first, "fake") == 0 || strcmp(first, "now") == 0;
        for (; dotted && i < e->count && e->parts[i].name != NULL; i++)
            text_printf(&reference, ".%s", e->parts[i].name);
        text_char(&reference, '}');
        drawn = text_ok(&reference) ? expand_bytes(v->x, v->n, text_bytes(&reference)) : NULL;
        text_deinit(&reference);
        if (drawn == NULL)
            return kept(v, NULL);
        at = drawn;
    }
    for (; i < e->count && v->x->error.code == 0; i++)
        at = part_of(v, at, e->parts[i].name, e->parts[i].index, false);
    json_t *out = v->x->error.code == 0 ? given(at) : NULL;
    json_decref(drawn);
    return out;
}

static json_t *member(struct evaluation *v, const struct expr *e, const json_t *item)
{
    json_t *of = eval(v, e->left, item), *key = of != NULL ? eval(v, e->right, item) : NULL, *out = NULL;
    if (key != NULL && !json_is_string(key) && !json_is_integer(key))
        evaluation_fail(v, "a member is named by a text or a number, and this is a %s", flow_value_type(key));
    else if (value_has_zero(key))
        evaluation_fail(v, "no member's name has a zero character");
    else if (key != NULL) {
        const json_t *found = part_of(v, of, json_string_value(key), json_integer_value(key), e->maybe);
        out = v->x->error.code == 0 ? given(found) : NULL;
    }
    json_decref(of);
    json_decref(key);
    return out;
}

/* ---- operators ---- */

static bool truth(struct evaluation *v, const struct expr *e, const json_t *item, bool *out)
{
    json_t *value = eval(v, e, item);
    bool is = json_is_boolean(value);
    *out = json_is_true(value);
    if (value != NULL && !is)
        evaluation_fail(v, "expected true or false, found a %s", flow_value_type(value));
    json_decref(value);
    return is;
}

bool expression_equal(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value, *walked;
    if (!json_is_object(a) || !json_is_object(b))
        return query_equal(a, b);
    bool equal = json_object_size(a) == json_object_size(b);
    memcpy(&walked, &a, sizeof walked);
    json_object_foreach(walked, key, value)
    {
        const json_t *other = json_object_get(b, key);
        equal = equal && other != NULL && expression_equal(value, other);
    }
    return equal;
}

static json_t *text_operator(struct evaluation *v, const char *op, const json_t *a, const json_t *b)
{
    const char *s = json_string_value(a), *t = json_string_value(b);
    size_t len = json_string_length(a), part = json_string_length(b);
    if (s == NULL || t == NULL)
        return evaluation_fail(v, "%s compares texts, and these are a %s and a %s", op, flow_value_type(a),
                               flow_value_type(b));
    if (strcmp(op, "contains") == 0)
        return json_boolean(memmem(s, len, t, part) != NULL);
    if (strcmp(op, "startsWith") == 0)
        return json_boolean(len >= part && memcmp(s, t, part) == 0);
    if (strcmp(op, "endsWith") == 0)
        return json_boolean(len >= part && memcmp(s + len - part, t, part) == 0);
    if (value_has_zero(b))
        return evaluation_fail(v, "matches: a regular expression cannot hold a zero character");
    struct error why = ERROR_INIT;
    struct query_regex *r = query_regex_new(t, &why);
    size_t spans[2];
    int found = r != NULL ? query_regex_find(r, BYTES(s, len), 0, spans, 1) : 0;
    json_t *out = r != NULL && found >= 0 ? json_boolean(found > 0) : NULL;
    if (r == NULL)
        evaluation_fail(v, "matches: %s", why.message != NULL ? why.message : "this is no regular expression");
    else if (found < 0)
        evaluation_fail(v, "matches: the search was given up");
    query_regex_free(r);
    error_clear(&why);
    return out;
}

static json_t *order(struct evaluation *v, const char *op, const json_t *a, const json_t *b)
{
    int sign;
    if (json_is_number(a) && json_is_number(b)) {
        double left = json_number_value(a), right = json_number_value(b);
        sign = left < right ? -1 : left > right;
        if (json_is_integer(a) && json_is_integer(b))
            sign = json_integer_value(a) < json_integer_value(b) ? -1 : json_integer_value(a) > json_integer_value(b);
    } else if (json_is_string(a) && json_is_string(b)) {
        sign = value_text_order(a, b);
    } else {
        return evaluation_fail(v, "%s compares numbers, or texts, and these are a %s and a %s", op, flow_value_type(a),
                               flow_value_type(b));
    }
    return json_boolean(op[0] == '<' ? (op[1] == '=' ? sign <= 0 : sign < 0) : (op[1] == '=' ? sign >= 0 : sign > 0));
}

static json_t *whole(struct evaluation *v, char op, json_int_t a, json_int_t b)
{
    json_int_t out = 0;
    bool over = op == '+'   ? __builtin_add_overflow(a, b, &out)
                : op == '-' ? __builtin_sub_overflow(a, b, &out)
                            : __builtin_mul_overflow(a, b, &out);
    return over ? evaluation_fail(v, "this number is too large") : json_integer(out);
}

static json_t *real(struct evaluation *v, double value)
{
    return isfinite(value) ? json_real(value) : evaluation_fail(v, "this is no number that there is");
}

static json_t *arithmetic(struct evaluation *v, const char *op, const json_t *a, const json_t *b)
{
    if (op[0] == '+' && json_is_string(a) && json_is_string(b)) {
        struct text both = TEXT_INIT;
        text_add(&both, json_string_value(a), json_string_length(a));
        text_add(&both, json_string_value(b), json_string_length(b));
        json_t *out = both.len > REPLY_MAX ? evaluation_fail(v, "this text is longer than %zu bytes", REPLY_MAX)
                      : text_ok(&both)     ? json_stringn(text_string(&both), both.len)
                                           : NULL;
        text_deinit(&both);
        return out;
    }
    if (!json_is_number(a) || !json_is_number(b))
        return evaluation_fail(v, "%s takes two numbers%s, and these are a %s and a %s", op,
                               op[0] == '+' ? ", or two texts" : "", flow_value_type(a), flow_value_type(b));
    double x = json_number_value(a), y = json_number_value(b);
    if (op[0] == '%') {
        if (!json_is_integer(a) || !json_is_integer(b) || json_integer_value(b) == 0)
            return evaluation_fail(v, "%% takes two whole numbers, the second not 0");
        return json_integer_value(b) == -1 ? json_integer(0)
                                           : json_integer(json_integer_value(a) % json_integer_value(b));
    }
    if (strcmp(op, "**") == 0)
        return real(v, pow(x, y));
    if (op[0] == '/')
        return real(v, x / y);
    if (json_is_integer(a) && json_is_integer(b))
        return whole(v, op[0], json_integer_value(a), json_integer_value(b));
    return real(v, op[0] == '+' ? x + y : op[0] == '-' ? x - y : x * y);
}

static json_t *in(struct evaluation *v, const json_t *a, const json_t *b)
{
    if (json_is_object(b))
        return json_is_string(a) ? json_boolean(!value_has_zero(a) && json_object_get(b, json_string_value(a)) != NULL)
                                 : evaluation_fail(v, "in a map are texts, and this is a %s", flow_value_type(a));
    if (!json_is_array(b))
        return evaluation_fail(v, "\"in\" looks through a list or a map, and this is a %s", flow_value_type(b));
    for (size_t i = 0; i < json_array_size(b); i++)
        if (expression_equal(a, json_array_get(b, i)))
            return json_true();
    return json_false();
}

static json_t *operation(struct evaluation *v, const char *op, const json_t *a, const json_t *b)
{
    if (strcmp(op, "==") == 0 || strcmp(op, "!=") == 0)
        return json_boolean(expression_equal(a, b) == (op[0] == '='));
    if (strcmp(op, "in") == 0)
        return in(v, a, b);
    if (op[0] == '<' || op[0] == '>')
        return order(v, op, a, b);
    return strchr("+-*/%", op[0]) != NULL ? arithmetic(v, op, a, b) : text_operator(v, op, a, b);
}

static json_t *both(struct evaluation *v, const struct expr *e, const json_t *item)
{
    bool is;
    if (strcmp(e->op, "&&") == 0 || strcmp(e->op, "||") == 0) {
        if (!truth(v, e->left, item, &is))
            return NULL;
        if (is == (e->op[0] == '|'))
            return json_boolean(is);
        return truth(v, e->right, item, &is) ? json_boolean(is) : NULL;
    }
    json_t *a = eval(v, e->left, item), *b = NULL, *out = NULL;
    if (a != NULL && strcmp(e->op, "??") == 0) {
        if (!json_is_null(a))
            return a;
        out = eval(v, e->right, item);
    } else if (a != NULL && (b = eval(v, e->right, item)) != NULL) {
        out = kept(v, operation(v, e->op, a, b));
    }
    json_decref(a);
    json_decref(b);
    return out;
}

/* ---- calls ---- */

/* all, any, none, one, count, filter, map: `each` is done with every item. */
static json_t *each_item(struct evaluation *v, const char *name, const json_t *list, const struct expr *each)
{
    bool keeps = strcmp(name, "filter") == 0, maps = strcmp(name, "map") == 0;
    json_t *out = keeps || maps ? json_array() : NULL;
    size_t count = 0, size = json_array_size(list);
    if (!json_is_array(list))
        evaluation_fail(v, "%s() goes through a list, and this is a %s", name, flow_value_type(list));
    for (size_t i = 0; i < size && v->x->error.code == 0; i++) {
        json_t *item = json_array_get(list, i);
        bool is = false;
        if (maps) {
            json_t *made = eval(v, each->left, item);
            if (made != NULL && json_array_append_new(out, made) != 0)
                flow_memory(v->x);
            continue;
        }
        if (truth(v, each->left, item, &is) && is) {
            count++;
            if (keeps && json_array_append(out, item) != 0)
                flow_memory(v->x);
        }
    }
    if (v->x->error.code != 0) {
        json_decref(out);
        return NULL;
    }
    if (keeps || maps)
        return kept(v, out);
    return strcmp(name, "count") == 0  ? json_integer((json_int_t)count)
           : strcmp(name, "all") == 0  ? json_boolean(count == size)
           : strcmp(name, "any") == 0  ? json_boolean(count > 0)
           : strcmp(name, "none") == 0 ? json_boolean(count == 0)
                                       : json_boolean(count == 1);
}

static json_t *call(struct evaluation *v, const struct expr *e, const json_t *item)
{
    json_t *args[EXPR_ITEMS_MAX] = {NULL}, *out = NULL;
    size_t made = 0;
    bool each = e->count == 2 && e->items[1]->kind == EXPR_EACH;
    for (; made < (each ? 1 : e->count); made++)
        if ((args[made] = eval(v, e->items[made], item)) == NULL)
            break;
    if (each && made == 1)
        out = each_item(v, e->text, args[0], e->items[1]);
    else if (!each && made == e->count)
        out = kept(v, expression_call(v, e->text, args, e->count));
    for (size_t i = 0; i < made; i++)
        json_decref(args[i]);
    return out;
}

/* ---- the rest ---- */

static json_t *number(struct evaluation *v, const char *text)
{
    json_error_t why;
    json_t *out = json_loads(text, JSON_DECODE_ANY, &why);
    return out != NULL || json_error_code(&why) == json_error_out_of_memory
               ? out
               : evaluation_fail(v, "%s is no number that is read here", text);
}

static json_t *items(struct evaluation *v, const struct expr *e, const json_t *item)
{
    bool map = e->kind == EXPR_MAP;
    json_t *out = map ? json_object() : json_array();
    for (size_t i = 0; i < e->count && out != NULL; i += map ? 2 : 1) {
        json_t *key = map ? eval(v, e->items[i], item) : NULL;
        json_t *value = !map || key != NULL ? eval(v, e->items[i + map], item) : NULL;
        bool ok = value != NULL;
        if (ok && map && !json_is_string(key)) {
            evaluation_fail(v, "a map's key is a text, and this is a %s", flow_value_type(key));
            ok = false;
        }
        if (ok && map && value_has_zero(key)) {
            evaluation_fail(v, "a map's key cannot hold a zero character");
            ok = false;
        }
        if (ok)
            ok = map ? json_object_set(out, json_string_value(key), value) == 0 : json_array_append(out, value) == 0;
        json_decref(key);
        json_decref(value);
        if (!ok) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

/* Depth is bounded by the parser's. */
static json_t *eval(struct evaluation *v, const struct expr *e, const json_t *item)
{
    bool is = false;
    json_t *value = NULL;
    switch (e->kind) {
    case EXPR_TEXT:
        value = json_string(e->text);
        break;
    case EXPR_NUMBER:
        value = number(v, e->text);
        break;
    case EXPR_BOOL:
        return json_boolean(e->boolean);
    case EXPR_NIL:
        return json_null();
    case EXPR_NAME:
        return name_value(v, e);
    case EXPR_NOT:
        return truth(v, e->left, item, &is) ? json_boolean(!is) : NULL;
    case EXPR_MINUS:
        if ((value = eval(v, e->left, item)) != NULL) {
            json_t *zero = json_integer(0), *out = zero != NULL ? arithmetic(v, "-", zero, value) : NULL;
            json_decref(zero);
            json_decref(value);
            value = out;
        }
        break;
    case EXPR_BOTH:
        return both(v, e, item);
    case EXPR_IF:
        return truth(v, e->left, item, &is) ? eval(v, is ? e->right : e->other, item) : NULL;
    case EXPR_MEMBER:
        return member(v, e, item);
    case EXPR_CALL:
        return call(v, e, item);
    case EXPR_LIST:
    case EXPR_MAP:
        value = items(v, e, item);
        break;
    case EXPR_ITEM:
        return given(item);
    case EXPR_EACH:
        return evaluation_fail(v, "braces with something to do stand in calls only, as in all(list, {# > 0})");
    }
    return kept(v, value);
}

json_t *expression_eval(struct flow_context *x, const struct node *n, struct bytes text)
{
    struct evaluation v = {.x = x, .n = n};
    struct arena arena = ARENA_INIT;
    const char *why = NULL;
    int code = 0;
    const struct expr *e = expr_parse(&arena, text, NULL, &why, &code);
    json_t *out = e != NULL ? eval(&v, e, NULL) : NULL;
    if (e == NULL && code == ERROR_MEMORY)
        flow_memory(x);
    else if (e == NULL)
        flow_wrong(x, n, ERROR_SYNTAX, "the expression \"%.*s\" %s", (int)(text.len < 200 ? text.len : 200),
                   (const char *)text.data, why);
    arena_deinit(&arena);
    return out;
}

int expression_check(const struct node *n, struct bytes text, struct error *err)
{
    struct arena arena = ARENA_INIT;
    const char *why = NULL;
    int code = 0;
    if (expr_parse(&arena, text, NULL, &why, &code) == NULL)
        code = code == ERROR_MEMORY ? error_set(err, code, "out of memory")
                                    : node_error(n, err, ERROR_SYNTAX, "the expression \"%.*s\" %s",
                                                 (int)(text.len < 200 ? text.len : 200), (const char *)text.data, why);
    arena_deinit(&arena);
    return code;
}

/* Braces inside quotes do not count. */
const char *expression_end(const char *p, const char *end)
{
    int depth = 0;
    char quote = '\0';
    for (p += 2; p < end; p++) {
        if (quote != '\0') {
            if (*p == '\\' && quote != '`' && p + 1 < end)
                p++;
            else if (*p == quote)
                quote = '\0';
        } else if (*p == '"' || *p == '\'' || *p == '`') {
            quote = *p;
        } else if (*p == '{') {
            depth++;
        } else if (*p == '}' && depth-- == 0) {
            return p;
        }
    }
    return NULL;
}
