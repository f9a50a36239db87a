/* Queries are read anew at each use, as everything in a flow is. */
#include "e2e/value/expression.h"
#include "e2e/value/query.h"

#include "e2e/kind.h"
#include "e2e/value/jsonpath.h"
#include "e2e/value/regex.h"
#include "e2e/value/xpath.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_FILE_MAX ((size_t)32 << 20) /* bytes of a file that is compared with */

int query_error(struct query_run *q, int code, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    if (q->x->error.code != 0)
        return q->x->error.code;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    node_error(q->n, &q->x->error, code, "%s: %s", q->n->kind == NODE_TEXT ? (const char *)q->n->text.data : "query",
               text_string(&message));
    text_deinit(&message);
    return code;
}

static int scan_node(const struct node *n, struct bytes text, enum query_form form, struct query *out,
                     struct error *err)
{
    struct scan s = {.in = text};
    int code = query_scan(&s, form, out);
    if (code == ERROR_MEMORY)
        return error_set(err, code, "out of memory");
    if (code == 0) {
        scan_blanks(&s);
        if (s.at < s.in.len) {
            query_deinit(out);
            code = scan_fail(&s, s.at, "expected the end of the line");
        }
    }
    return code == 0 ? 0 : node_error(n, err, code, "character %zu: %s", s.bad + 1, s.why);
}

/* ---- loading ---- */

static bool fixed(const struct query_arg *a)
{
    return (a->kind == QUERY_TEXT && strstr(a->text, "${") == NULL) || a->kind == QUERY_REGEX;
}

/* What an expression must be can be seen before anything runs, unless a variable stands in it. */
static int check_word(const struct node *n, const struct query_word *w, const struct query_arg *args, struct error *err)
{
    struct error why = ERROR_INIT;
    json_t *unused = NULL;
    int code = 0;
    if (!fixed(&args[0]))
        return 0;
    if (strcmp(w->name, "jsonpath") == 0)
        code = jsonpath_find(NULL, args[0].text, &unused, &why);
    else if (strcmp(w->name, "xpath") == 0)
        code = xpath_check(args[0].text, &why);
    else if (w->args[0] == 'r') {
        struct query_regex *r = query_regex_new(args[0].text, &why);
        code = why.code;
        query_regex_free(r);
    }
    json_decref(unused);
    if (code != 0)
        code = node_error(n, err, code, "%s: %s", w->name, why.message);
    error_clear(&why);
    return code;
}

/* "= len(body) > 0" (value/expression.h) */
static bool is_expression(const struct node *n)
{
    return n->text.len > 0 && n->text.data[0] == '=';
}

int query_check(const struct node *n, enum query_form form, struct error *err)
{
    struct query q;
    struct error why = ERROR_INIT;
    if (n->kind != NODE_TEXT)
        return node_error(n, err, ERROR_INVALID, "a query is a text like 'jsonpath \"$.id\" == 3', and this is %s",
                          node_kind_name(n->kind));
    if (form == QUERY_ASSERT && is_expression(n))
        return expression_check(n, BYTES(n->text.data + 1, n->text.len - 1), err);
    int code = scan_node(n, n->text, form, &q, err);
    if (code != 0)
        return code;
    for (size_t i = 0; i < q.count && code == 0; i++)
        code = check_word(n, q.words[i].word, q.words[i].args, err);
    if (code == 0 && q.predicate != NULL && q.predicate->takes == WANTS_A_REGEX && fixed(&q.wanted)) {
        struct query_regex *r = query_regex_new(q.wanted.text, &why);
        if (r == NULL)
            code = node_error(n, err, why.code, "%s: %s", q.predicate->name, why.message);
        query_regex_free(r);
    }
    error_clear(&why);
    query_deinit(&q);
    return code;
}

/* ---- answering ---- */

/* A new reference, or NULL with the error set. */
static json_t *resolve(struct query_run *q, const struct query_arg *a)
{
    struct text content = TEXT_INIT;
    json_t *out = NULL;
    if (a->kind == QUERY_VALUE)
        return json_incref(a->value);
    json_t *value = a->kind == QUERY_REGEX ? json_string(a->text) : expand_bytes(q->x, q->n, bytes_of(a->text));
    if (value == NULL && q->x->error.code == 0)
        flow_memory(q->x);
    if (value == NULL || a->kind == QUERY_REGEX || a->kind == QUERY_VARIABLE)
        return value;
    if (a->kind == QUERY_TEXT && json_is_string(value))
        return value;
    if (!query_render(value, &content)) {
        query_error(q, ERROR_INVALID, "a %s cannot stand in a text", flow_value_type(value));
    } else if (a->kind != QUERY_TEXT && memchr(text_string(&content), '\0', content.len) != NULL) {
        query_error(q, ERROR_INVALID, "no file's name has a zero character");
    } else if (a->kind == QUERY_TEXT) {
        out = text_ok(&content) ? json_stringn(text_string(&content), content.len) : NULL;
    } else {
        struct text file = TEXT_INIT;
        if (flow_read_file(q->x, q->n, text_string(&content), QUERY_FILE_MAX, &file) == 0)
            out = query_bytes_value(text_bytes(&file));
        text_deinit(&file);
    }
    json_decref(value);
    text_deinit(&content);
    if (out == NULL && q->x->error.code == 0)
        flow_memory(q->x);
    return out;
}

/* These see all of the text before them; others, and all in their arguments, see it up to a zero character. */
static int check_zero(struct query_run *run, const char *word, json_t *const *args, const json_t *in)
{
    static const char *const whole[] = {"base64Encode", "base64UrlSafeEncode", "jsonEscape", "jsonpath",  "length",
                                        "regex",        "replaceRegex",        "toString",   "urlDecode", "urlEncode",
                                        "utf8Encode"};
    bool zero = value_has_zero(in);
    for (size_t i = 0; zero && i < sizeof whole / sizeof whole[0]; i++)
        zero = strcmp(whole[i], word) != 0;
    for (size_t k = 0; k < QUERY_ARGS_MAX; k++)
        zero = zero || value_has_zero(args[k]);
    return zero ? query_error(run, ERROR_INVALID, "%s takes no text with a zero character", word) : 0;
}

/* Takes `value`, which the words begin with; NULL: the first of them is a source. */
static int run_words(struct query_run *run, const struct query *q, json_t *value, json_t **out)
{
    bool begun = value != NULL;
    int code = 0;
    for (size_t i = 0; i < q->count && code == 0; i++) {
        json_t *args[QUERY_ARGS_MAX] = {NULL}, *next = NULL;
        const struct query_word *w = q->words[i].word;
        if ((i > 0 || begun) && value == NULL)
            break; /* nothing stays nothing */
        for (size_t k = 0; w->args[k] != '\0' && code == 0; k++)
            code = (args[k] = resolve(run, &q->words[i].args[k])) != NULL ? 0 : run->x->error.code;
        if (code == 0)
            code = check_zero(run, w->name, args, value);
        if (code == 0)
            code = w->run(run, args, value, &next);
        if (code == 0) /* such as memory for a part of it */
            code = run->x->error.code;
        for (size_t k = 0; k < QUERY_ARGS_MAX; k++)
            json_decref(args[k]);
        json_decref(value);
        value = next;
    }
    if (code != 0) {
        json_decref(value);
        value = NULL;
    }
    *out = value;
    return code;
}

json_t *query_capture(struct flow_context *x, const struct node *n)
{
    struct query q;
    struct query_run run = {.x = x, .n = n};
    json_t *value = NULL;
    size_t count;
    if (scan_node(n, n->text, QUERY_CAPTURE, &q, &x->error) != 0)
        return NULL;
    int code = run_words(&run, &q, NULL, &value);
    query_deinit(&q);
    if (code == 0 && value == NULL)
        node_error(n, &x->error, ERROR_NOT_FOUND, "nothing to capture by %s", (const char *)n->text.data);
    if (query_is_nodes(value, &count)) {
        json_t *texts = json_incref(json_object_get(value, "$nodes"));
        json_decref(value);
        value = texts;
    }
    return value;
}

json_t *query_filter(struct flow_context *x, const struct node *n, json_t *value, struct bytes filters)
{
    struct query q;
    struct query_run run = {.x = x, .n = n};
    json_t *out = NULL;
    if (scan_node(n, filters, QUERY_FILTERS, &q, &x->error) != 0) {
        json_decref(value);
        x->wrong = true;
        return NULL;
    }
    if (run_words(&run, &q, value, &out) == 0 && out == NULL)
        query_error(&run, ERROR_NOT_FOUND, "nothing is left of the variable");
    query_deinit(&q);
    return out;
}

/* ---- judging ---- */

static void note(struct query_run *run, const struct query *q, const json_t *wanted, const json_t *actual,
                 enum query_verdict v)
{
    struct text path = TEXT_INIT, what = TEXT_INIT;
    struct query asked = *q;
    asked.predicate = NULL;
    query_print(&asked, &path);
    text_printf(&what, "expected %s%s", q->negated ? "not " : "", q->predicate->words);
    if (q->predicate->takes != WANTS_NOTHING)
        query_describe(run->x, wanted, &what);
    text_puts(&what, ", got ");
    query_describe(run->x, actual, &what);
    if (v == QUERY_OTHER_TYPE)
        text_printf(&what, ", of which %s says nothing", q->predicate->name);
    mismatch_add(run->x, run->n, &path, &what);
}

static int judge(struct flow_context *x, const struct node *n)
{
    struct query q;
    struct query_run run = {.x = x, .n = n};
    json_t *actual = NULL, *wanted = NULL;
    if (scan_node(n, n->text, QUERY_ASSERT, &q, &x->error) != 0)
        return x->error.code;
    int code = run_words(&run, &q, NULL, &actual);
    if (code == 0 && q.wanted.kind != QUERY_NO_ARG && (wanted = resolve(&run, &q.wanted)) == NULL)
        code = x->error.code;
    if (code == 0 && q.predicate->takes == WANTS_A_REGEX && value_has_zero(wanted))
        code = query_error(&run, ERROR_INVALID, "a regular expression cannot hold a zero character");
    if (code == 0) {
        enum query_verdict v = actual != NULL ? q.predicate->holds(&run, wanted, actual) : QUERY_NO;
        if (x->error.code != 0)
            code = x->error.code;
        else if (v == QUERY_OTHER_TYPE || (v == QUERY_YES) == q.negated)
            note(&run, &q, wanted, actual, v);
    }
    json_decref(actual);
    json_decref(wanted);
    query_deinit(&q);
    return code;
}

/* What cannot be computed of this answer does not hold. */
static int judge_expression(struct flow_context *x, const struct node *n)
{
    struct text line = TEXT_INIT, what = TEXT_INIT;
    json_t *value = expression_eval(x, n, BYTES(n->text.data + 1, n->text.len - 1));
    if (value == NULL && (x->wrong || x->error.code != ERROR_INVALID))
        return x->error.code;
    bool holds = json_is_true(value);
    if (value == NULL || json_is_false(value)) {
        text_puts(&what, value == NULL ? x->error.message : "does not hold");
    } else {
        text_puts(&what, "expected true, got ");
        query_describe(x, value, &what);
    }
    error_clear(&x->error);
    text_puts(&line, (const char *)n->text.data + 1 + strspn((const char *)n->text.data + 1, " "));
    if (!holds)
        mismatch_add(x, n, &line, &what);
    text_deinit(&line);
    text_deinit(&what);
    json_decref(value);
    return 0;
}

int query_judge(struct flow_context *x, const struct node *list)
{
    int code = 0;
    for (size_t i = 0; i < list->list.count && code == 0; i++)
        code = is_expression(&list->list.items[i]) ? judge_expression(x, &list->list.items[i])
                                                   : judge(x, &list->list.items[i]);
    return code;
}
