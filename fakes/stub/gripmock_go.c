/* Go's templates (text/template) in our words: {{...}} as ${...}.
 *
 * The dot of a {{range}} or {{with}} is a name that the ${each} or ${let} for it makes. What is printed is put into
 * print(), which prints it as Go does, unless it is a plain field of the request, whose type stays its own.
 * Format: Go's package text/template, 2026. */
#include "fakes/stub/gripmock_go.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool go_fail(struct go_reader *r, const char *why)
{
    if (*r->why == NULL)
        *r->why = why;
    return false;
}

void go_skip(struct go_reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at))
        r->at++;
}

size_t go_name_length(const struct go_reader *r)
{
    size_t len = 0;
    while (r->at + len < r->end && go_is_name(r->at[len]))
        len++;
    return len;
}

/* Is the word next, and not as the beginning of another? */
bool go_word(struct go_reader *r, const char *word)
{
    go_skip(r);
    size_t len = go_name_length(r);
    if (!go_is_word(r->at, len, word))
        return false;
    r->at += len;
    return true;
}

/* text_clear() forgets that memory ran out; this does not. */
void go_wipe(struct go_reader *r, struct text *text)
{
    r->failed_memory |= !text_ok(text);
    text_clear(text);
}

/* A text that went into another one. */
void go_drop(struct go_reader *r, struct text *text)
{
    r->failed_memory |= !text_ok(text);
    text_deinit(text);
}

/* ---- values ---- */

struct go_variable *go_variable(struct go_reader *r, const char *name, size_t len)
{
    for (size_t i = r->count; i-- > 0;)
        if (go_is_word(name, len, r->names[i].name))
            return &r->names[i];
    return NULL;
}

struct go_variable *go_new_variable(struct go_reader *r, const char *name, size_t len)
{
    if (r->count == GO_NAMES_MAX || len >= GO_NAME_MAX) {
        go_fail(r, "too many or too long names are made in one text");
        return NULL;
    }
    struct go_variable *v = &r->names[r->count++];
    memcpy(v->name, name, len);
    v->name[len] = '\0';
    snprintf(v->ours, sizeof v->ours, "v%d", ++r->made);
    return v;
}

/* Behind "faker": the names, and what they take when nothing else stands in the command. */
static bool faker_call(struct go_reader *r, bool alone, struct text *out)
{
    text_puts(out, "faker");
    go_put_path(r, out);
    size_t arguments = 0;
    for (;;) {
        enum go_nature unused;
        struct text one = TEXT_INIT;
        go_skip(r);
        if (!alone || r->at >= r->end || *r->at == '|' || *r->at == ')')
            break;
        text_puts(out, arguments++ == 0 ? "(" : ", ");
        bool negative = *r->at == '-' || isdigit((unsigned char)*r->at);
        bool ok = negative ? go_number(r, &one) : false;
        if (!ok && *r->why == NULL && *r->at == '(') {
            r->at++;
            ok = ++r->depth <= GO_DEPTH_MAX && go_pipeline(r, &one, &unused) && r->at < r->end && *r->at++ == ')';
            r->depth--;
        } else if (!ok && *r->why == NULL && *r->at == '.') {
            r->at++;
            ok = go_root(r, &one, &unused);
        }
        text_add(out, text_string(&one), one.len);
        go_drop(r, &one);
        if (!ok)
            return go_fail(r, "an argument of faker's is not understood");
    }
    if (arguments > 0)
        text_char(out, ')');
    return true;
}

/* One operand. `alone`: nothing stands before it in its command, so that it may take what follows. */
static bool term(struct go_reader *r, bool alone, struct text *out, enum go_nature *nature)
{
    *nature = COMPUTED;
    go_skip(r);
    if (r->at >= r->end)
        return go_fail(r, "a part is missing in {{...}}");
    char c = *r->at;
    if (c == '(') {
        if (r->depth == GO_DEPTH_MAX)
            return go_fail(r, "{{...}} nests too deep");
        r->at++;
        r->depth++;
        if (!go_pipeline(r, out, nature))
            return false;
        go_skip(r);
        if (r->at >= r->end || *r->at != ')')
            return go_fail(r, "a ) is missing in {{...}}");
        r->at++;
        r->depth--;
        bool path = r->at + 1 < r->end && *r->at == '.' && go_is_name(r->at[1]);
        if (*nature == FAKER)
            return alone ? faker_call(r, alone, out) : go_fail(r, "faker's values with arguments stand in parentheses");
        if (path && strncmp(text_string(out), "now", 3) == 0 && out->len == 3)
            return go_put_methods(r, out);
        if (path) {
            *nature = COMPUTED;
            go_put_path(r, out);
        }
        return true;
    }
    if (c == '"' || c == '`') {
        struct text plain = TEXT_INIT;
        bool ok = go_quoted(r, &plain);
        go_put_quoted(out, text_string(&plain), plain.len);
        go_drop(r, &plain);
        return ok;
    }
    if (c == '\'') {
        struct text plain = TEXT_INIT;
        uint32_t point = 0;
        size_t at = 0;
        bool ok =
            go_quoted(r, &plain) && plain.len > 0 && utf8_next(text_bytes(&plain), &at, &point) && at == plain.len;
        text_printf(out, "%u", point);
        go_drop(r, &plain);
        return ok || go_fail(r, "between ' and ' one character stands in {{...}}");
    }
    if (isdigit((unsigned char)c) || ((c == '-' || c == '+') && r->at + 1 < r->end))
        return go_number(r, out);
    if (c == '$') {
        r->at++;
        size_t len = go_name_length(r);
        if (len == 0) { /* the call */
            if (r->at + 1 >= r->end || *r->at != '.')
                return go_fail(r, "$ is no value by itself here");
            r->at++;
            return go_root(r, out, nature);
        }
        const struct go_variable *v = go_variable(r, r->at, len);
        r->at += len;
        if (v == NULL)
            return go_fail(r, "a variable in {{...}} was not made before");
        if (v->ours[0] == '\0') {
            *nature = r->at < r->end && *r->at == '.' ? COMPUTED : FAKER;
            return *nature == FAKER || faker_call(r, alone, out);
        }
        text_puts(out, v->ours);
        go_put_path(r, out);
        return true;
    }
    if (c == '.') {
        r->at++;
        bool named = r->at < r->end && go_is_name(*r->at);
        if (r->dot[0] == '\0')
            return named ? go_root(r, out, nature)
                         : go_fail(r, "the dot is no value by itself here: .Request is the request");
        text_puts(out, r->dot);
        r->at--;
        if (named)
            go_put_path(r, out);
        else
            r->at++;
        return true;
    }
    return go_fail(r, "{{...}} does not go on with this");
}

/* ---- functions ---- */

bool go_at_end(struct go_reader *r)
{
    go_skip(r);
    return r->at >= r->end || *r->at == '|' || *r->at == ')';
}

static const char *ours_of(const char *name, size_t len)
{
    static const char *const known[][2] = {
        {"upper", "upper"},
        {"lower", "lower"},
        {"title", "title"},
        {"split", "split"},
        {"join", "join"},
        {"sprintf", "sprintf"},
        {"printf", "sprintf"},
        {"print", "print"},
        {"println", "println"},
        {"str", "str"},
        {"json", "json"},
        {"html", "html"},
        {"js", "js"},
        {"urlquery", "urlquery"},
        {"slice", "slice"},
        {"add", "add"},
        {"sum", "sum"},
        {"sub", "sub"},
        {"mul", "mul"},
        {"div", "div"},
        {"mod", "mod"},
        {"avg", "avg"},
        {"min", "min"},
        {"max", "max"},
        {"round", "round"},
        {"floor", "floor"},
        {"ceil", "ceil"},
        {"int", "int"},
        {"int64", "int64"},
        {"float", "float"},
        {"decimal", "decimal"},
        {"and", "and"},
        {"or", "or"},
        {"not", "not"},
        {"eq", "eq"},
        {"ne", "ne"},
        {"lt", "lt"},
        {"le", "le"},
        {"gt", "gt"},
        {"ge", "ge"},
        {"lte", "lte"},
        {"gte", "gte"},
        {"len", "len"},
        {"index", "index"},
        {"extract", "extract"},
        {"unix", "unix"},
        {"format", "format"},
        {"duration", "duration"},
        {"regressive", "regressive"},
        {"backoff", "backoff"},
        {"jitter", "jitter"},
        {"bytes", "bytes"},
        {"bytes2base64", "bytes2base64"},
        {"string2base64", "string2base64"},
        {"uuid2base64", "uuid2base64"},
        {"uuid2bytes", "uuid2bytes"},
        {"uuid2int64", "uuid2int64"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (go_is_word(name, len, known[i][0]))
            return known[i][1];
    return NULL;
}

/* Of `.Requests` and `.Headers` as arguments, which are no values of ours: len .Requests, index .Requests 0, extract
 * .Requests "x", index .Headers "x". */
static bool special(struct go_reader *r, const char *function, struct text *out, bool *done)
{
    bool headers;
    const char *back = r->at;
    *done = false;
    go_skip(r);
    r->at += r->at < r->end && *r->at == '$';
    if (r->at >= r->end || *r->at != '.' || (r->dot[0] != '\0' && back == r->at)) {
        r->at = back;
        return true;
    }
    r->at++;
    size_t len = go_name_length(r);
    headers = go_is_word(r->at, len, "Headers");
    if ((!headers && !go_is_word(r->at, len, "Requests")) || (r->at + len < r->end && r->at[len] == '.')) {
        r->at = back;
        return true;
    }
    r->at += len;
    *done = true;
    if (!headers && strcmp(function, "len") == 0) {
        text_puts(out, "messages.count");
        return true;
    }
    if (!headers) {
        r->at = back;
        *done = false;
        return true;
    }
    struct text name = TEXT_INIT;
    go_skip(r);
    bool ok = strcmp(function, "index") == 0 || strcmp(function, "extract") == 0;
    ok = ok && r->at < r->end && (*r->at == '"' || *r->at == '`') && go_quoted(r, &name);
    text_printf(out, "default(metadata.%s, " GO_NOTHING ")", text_string(&name));
    go_drop(r, &name);
    return ok || go_fail(r, "of the headers one by its name is needed: index .Headers \"x-y\"");
}

/* A function and, when it stands alone, its arguments; `piped` (or NULL) is the last of them. */
static bool call(struct go_reader *r, bool alone, const char *piped, struct text *out, enum go_nature *nature)
{
    size_t len = go_name_length(r);
    const char *name = r->at, *ours = ours_of(name, len);
    bool done;
    *nature = COMPUTED;
    if (go_is_word(name, len, "true") || go_is_word(name, len, "false") || go_is_word(name, len, "nil")) {
        r->at += len;
        text_puts(out, name[0] == 't' ? "eq(1, 1)" : name[0] == 'f' ? "eq(0, 1)" : GO_NOTHING);
        return piped == NULL || go_fail(r, "what a | leads to in {{...}} is no function");
    }
    if (r->place->fixed && (go_is_word(name, len, "faker") || go_is_word(name, len, "uuid") ||
                            go_is_word(name, len, "now") || go_is_word(name, len, "jitter")))
        return go_fail(r, "a matcher is the same each time: its templates draw nothing");
    if (go_is_word(name, len, "faker")) {
        r->at += len;
        *nature = FAKER;
        if (r->at < r->end && *r->at == '.') {
            *nature = COMPUTED;
            return piped == NULL ? faker_call(r, alone, out) : go_fail(r, "faker's values take nothing from a |");
        }
        return piped == NULL || go_fail(r, "faker's values take nothing from a |");
    }
    if (go_is_word(name, len, "uuid") || go_is_word(name, len, "now")) {
        text_add(out, name, len);
        r->at += len;
        if (piped != NULL)
            return go_fail(r, "uuid and now take nothing from a |");
        return name[0] == 'u' || go_put_methods(r, out);
    }
    if (ours == NULL)
        return go_fail(r, "gripmock's templates have no such function (those of plugins are not known here)");
    r->at += len;
    if (!special(r, ours, out, &done))
        return false;
    if (done && piped == NULL)
        return go_at_end(r) || go_fail(r, "{{...}} should end here");
    text_printf(out, "%s(", ours);
    size_t arguments = 0;
    bool decides = strcmp(ours, "and") == 0 || strcmp(ours, "or") == 0 || strcmp(ours, "not") == 0;
    for (; !go_at_end(r); arguments++) {
        struct text one = TEXT_INIT;
        enum go_nature kind;
        bool word = isalpha((unsigned char)*r->at), ok;
        if (word) { /* a function without arguments */
            size_t n = go_name_length(r);
            bool bare = go_is_word(r->at, n, "uuid") || go_is_word(r->at, n, "now") || go_is_word(r->at, n, "true") ||
                        go_is_word(r->at, n, "false") || go_is_word(r->at, n, "nil");
            bare = bare || go_is_word(r->at, n, "faker");
            ok = bare ? call(r, false, NULL, &one, &kind)
                      : go_fail(r, "a function with arguments stands in parentheses");
        } else {
            ok = term(r, false, &one, &kind);
        }
        text_puts(out, arguments > 0 ? ", " : "");
        /* Go has whole numbers of a request as texts, which hold even when they are 0. */
        text_printf(out, ok && decides && kind == PLAIN_WHOLE ? "str(%s)" : "%s", text_string(&one));
        go_drop(r, &one);
        if (!ok)
            return false;
    }
    if (piped != NULL)
        text_printf(out, "%s%s", arguments > 0 ? ", " : "", piped);
    text_char(out, ')');
    return true;
}

bool go_pipeline(struct go_reader *r, struct text *out, enum go_nature *nature)
{
    struct text value = TEXT_INIT, next = TEXT_INIT;
    bool ok = true;
    for (bool first = true; ok; first = false) {
        go_skip(r);
        go_wipe(r, &next);
        if (r->at < r->end && isalpha((unsigned char)*r->at))
            ok = call(r, true, first ? NULL : text_string(&value), &next, nature);
        else
            ok = first ? term(r, true, &next, nature) : go_fail(r, "what a | leads to in {{...}} is no function");
        go_wipe(r, &value);
        text_add(&value, text_string(&next), next.len);
        if (!ok || !go_at_end(r) || r->at >= r->end || *r->at != '|')
            break;
        r->at++;
    }
    ok = ok && (go_at_end(r) || go_fail(r, "{{...}} should end here"));
    text_add(out, text_string(&value), value.len);
    go_drop(r, &value);
    go_drop(r, &next);
    return ok;
}
