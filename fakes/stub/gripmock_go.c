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

#define NOTHING "extract('', '')" /* a value that is not there */

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

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

size_t go_name_length(const struct go_reader *r)
{
    size_t len = 0;
    while (r->at + len < r->end && is_name(r->at[len]))
        len++;
    return len;
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(at, word, len) == 0;
}

/* Is the word next, and not as the beginning of another? */
bool go_word(struct go_reader *r, const char *word)
{
    go_skip(r);
    size_t len = go_name_length(r);
    if (!is_word(r->at, len, word))
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

/* A text in our quotes; one with both kinds of them in pieces. */
static void put_quoted(struct text *out, const char *data, size_t len)
{
    const char quote = memchr(data, '"', len) == NULL ? '"' : '\'';
    if (quote == '"' || memchr(data, '\'', len) == NULL) {
        text_char(out, quote);
        text_add(out, data, len);
        text_char(out, quote);
        return;
    }
    text_puts(out, "sprintf('%s'");
    size_t parts = 0, from = 0;
    struct text all = TEXT_INIT;
    for (size_t i = 0; i <= len; i++)
        if (i == len || data[i] == '\'') {
            text_puts(&all, ", '");
            text_add(&all, data + from, i - from);
            text_puts(&all, i < len ? "', \"'\"" : "'");
            parts += i < len ? 2 : 1;
            from = i + 1;
        }
    text_truncate(out, out->len - 4);
    text_char(out, '\'');
    for (size_t i = 0; i < parts; i++)
        text_puts(out, "%s");
    text_char(out, '\'');
    text_add(out, text_string(&all), all.len);
    text_char(out, ')');
    out->failed |= all.failed;
    text_deinit(&all);
}

/* The escape behind a backslash at `at`; behind it, or NULL. */
static const char *escape(const char *at, const char *end, struct text *out)
{
    static const char letters[] = "abfnrtv\\'\"", meanings[] = "\a\b\f\n\r\t\v\\'\"";
    const char *known = *at != '\0' ? strchr(letters, *at) : NULL;
    size_t digits = *at == 'x' ? 2 : *at == 'u' ? 4 : *at == 'U' ? 8 : 0;
    char number[12], encoded[UTF8_MAX], *stop;
    if (known != NULL) {
        text_char(out, meanings[known - letters]);
        return at + 1;
    }
    bool octal = *at >= '0' && *at <= '7';
    const char *from = octal ? at : at + 1;
    digits = octal ? 3 : digits;
    if (digits == 0 || (size_t)(end - from) < digits)
        return NULL;
    memcpy(number, from, digits);
    number[digits] = '\0';
    unsigned long v = strtoul(number, &stop, octal ? 8 : 16);
    if (*stop != '\0' || v == 0)
        return NULL;
    if (digits <= 3)
        text_char(out, (char)v);
    else
        text_add(out, encoded, utf8_write((uint32_t)v, encoded));
    return from + digits;
}

/* "..." with escapes, `...` without; what is understood of it is appended to `out`. */
static bool quoted(struct go_reader *r, struct text *out)
{
    char quote = *r->at++;
    while (r->at < r->end && *r->at != quote) {
        if (*r->at != '\\' || quote == '`') {
            text_char(out, *r->at++);
            continue;
        }
        const char *behind = r->at + 1 < r->end ? escape(r->at + 1, r->end, out) : NULL;
        if (behind == NULL)
            return go_fail(r, "an escape in a quoted text of {{...}} is not known");
        r->at = behind;
    }
    if (r->at == r->end)
        return go_fail(r, "a quote in {{...}} is not closed");
    r->at++;
    return true;
}

static bool number(struct go_reader *r, struct text *out)
{
    char digits[48], *stop;
    size_t len = 0;
    const char *at = r->at;
    for (; at < r->end && (is_name(*at) || strchr(".+-", *at) != NULL); at++) {
        bool sign = *at == '+' || *at == '-';
        if (sign && at > r->at && strchr("eEpP", at[-1]) == NULL)
            break;
        if (*at != '_' && len + 1 < sizeof digits)
            digits[len++] = *at;
    }
    digits[len] = '\0';
    r->at = at;
    const char *first = digits + (digits[0] == '-' || digits[0] == '+');
    const char *prefix = first[0] == '0' && first[1] != '\0' ? strchr("xXoObB", first[1]) : NULL;
    if (prefix != NULL || (first[0] == '0' && isdigit((unsigned char)first[1]) && strpbrk(first, ".eE") == NULL)) {
        int base = prefix == NULL || strchr("oO", *prefix) ? 8 : strchr("bB", *prefix) ? 2 : 16;
        long long v = strtoll(first + (prefix != NULL ? 2 : 0), &stop, base);
        text_printf(out, digits[0] == '-' ? "(-%lld)" : "%lld", v);
    } else if (strpbrk(first, "eE.") != NULL) {
        double v = strtod(first, &stop);
        text_printf(out, digits[0] == '-' ? "float('-%.17g')" : "float('%.17g')", v);
    } else {
        long long v = strtoll(first, &stop, 10);
        text_printf(out, digits[0] == '-' ? "(-%lld)" : "%lld", v);
    }
    return *stop == '\0' || go_fail(r, "a number in {{...}} is not understood");
}

/* The request's field that the path leads to, through messages only; *taken: so much of the path. NULL: none. */
static const struct pb_field *field_at(const struct go_reader *r, const char *path, size_t len, size_t *taken)
{
    const struct pb_type *type = r->place->request;
    const struct pb_field *f = NULL;
    *taken = 0;
    while (*taken < len && type != NULL) {
        char name[128];
        size_t from = *taken + (*taken > 0), n = 0;
        while (from + n < len && path[from + n] != '.')
            n++;
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), path + from);
        f = pb_field_by_name(type, name);
        if (f == NULL)
            return NULL;
        *taken = from + n;
        type = f->kind == PB_MESSAGE && !f->repeated ? f->message : NULL;
    }
    return f;
}

static enum go_nature nature_of(const struct pb_field *f)
{
    if (f == NULL || f->repeated)
        return COMPUTED;
    switch (f->kind) {
    case PB_INT32:
    case PB_INT64:
    case PB_UINT32:
    case PB_UINT64:
    case PB_SINT32:
    case PB_SINT64:
    case PB_FIXED32:
    case PB_FIXED64:
    case PB_SFIXED32:
    case PB_SFIXED64:
        return PLAIN_WHOLE;
    case PB_BOOL:
    case PB_STRING:
    case PB_ENUM:
        return PLAIN;
    case PB_FLOAT:
    case PB_DOUBLE:
    case PB_BYTES:
    case PB_MESSAGE:
        break;
    }
    return COMPUTED;
}

/* Of a time: what Go's methods of its type give. */
static bool method(struct go_reader *r, const char *name, size_t len, struct text *value, struct text *format)
{
    static const char *const methods[][3] = {
        {"Unix", "unix(", ")"},
        {"UnixMilli", "millis(", ")"},
        {"UnixNano", "nanos(", ")"},
        {"Year", "int(format(", ", '2006'))"},
        {"Month", "format(", ", 'January')"},
        {"Day", "int(format(", ", '2'))"},
        {"Hour", "int(format(", ", '15'))"},
        {"Minute", "int(format(", ", '4'))"},
        {"Second", "int(format(", ", '5'))"},
        {"YearDay", "int(format(", ", '002'))"},
        {"Weekday", "format(", ", 'Monday')"},
        {"UTC", "", ""},
        {"Local", "", ""},
        {"Format", "format(", ", "},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (!is_word(name, len, methods[i][0]))
            continue;
        struct text made = TEXT_INIT;
        text_printf(&made, "%s%s%s", methods[i][1], text_string(value), methods[i][2]);
        go_wipe(r, value);
        text_add(value, text_string(&made), made.len);
        go_drop(r, &made);
        if (strcmp(methods[i][0], "Format") == 0)
            text_char(format, ')');
        return true;
    }
    return go_fail(r, "times have no such method here");
}

struct root {
    const char *go, *ours;
    bool time;
};

static const struct root *root_of(const char *at, size_t len)
{
    static const struct root roots[] = {
        {"Request", "request", false},
        {"Requests", "messages", false},
        {"Headers", "metadata", false},
        {"State", "state", false},
        {"MessageIndex", "", false},
        {"RequestTime", "now", true},
        {"Timestamp", "now", true},
        {"AttemptNumber", "stub.count", false},
        {"AttemptIndex", "stub.count", false},
        {"MaxAttempts", "stub.times", false},
        {"TotalAttempts", "stub.times", false},
        {"StubID", "stub.name", false},
        {"RequestID", "stub.name", false},
    };
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        if (is_word(at, len, roots[i].go))
            return &roots[i];
    return NULL;
}

/* The fields behind a value that no contract describes. */
static void put_path(struct go_reader *r, struct text *out)
{
    while (r->at + 1 < r->end && *r->at == '.' && is_name(r->at[1])) {
        text_char(out, *r->at++);
        size_t len = go_name_length(r);
        text_add(out, r->at, len);
        r->at += len;
    }
}

/* The methods behind a time. What its Format takes is the next argument. */
static bool put_methods(struct go_reader *r, struct text *value)
{
    struct text closing = TEXT_INIT;
    bool ok = true;
    while (ok && r->at + 1 < r->end && *r->at == '.' && is_name(r->at[1])) {
        r->at++;
        size_t len = go_name_length(r);
        ok = method(r, r->at, len, value, &closing);
        r->at += len;
        if (!ok || closing.len == 0)
            continue;
        go_skip(r);
        if (r->at < r->end && (*r->at == '"' || *r->at == '`')) {
            struct text layout = TEXT_INIT;
            ok = quoted(r, &layout);
            put_quoted(value, text_string(&layout), layout.len);
            go_drop(r, &layout);
        } else {
            ok = go_fail(r, "a time's Format takes a quoted layout here");
        }
        text_add(value, text_string(&closing), closing.len);
        go_wipe(r, &closing);
    }
    go_drop(r, &closing);
    return ok;
}

/* .Request.a.b and its kin, where the dot is the call. */
static bool root(struct go_reader *r, struct text *out, enum go_nature *nature)
{
    size_t len = go_name_length(r);
    const struct root *root = root_of(r->at, len);
    *nature = COMPUTED;
    if (r->place->fixed)
        return go_fail(r, "a matcher does not look at the call: its templates are made when the file is read");
    if (root == NULL)
        return go_fail(r, "gripmock's templates have no such name: .Request, .Requests, .Headers, .MessageIndex, "
                          ".RequestTime, .AttemptNumber, .MaxAttempts, .StubID and .State there are");
    bool state = is_word("State", 5, root->go);
    r->at += len;
    if (root->time) {
        text_puts(out, root->ours);
        return put_methods(r, out);
    }
    if (is_word(root->go, strlen(root->go), "MessageIndex")) {
        if (r->place->index >= 0)
            text_printf(out, "%d", r->place->index);
        else
            text_puts(out, "(messages.count - 1)");
        return true;
    }
    if (state) { /* gripmock keeps nothing there */
        put_path(r, out);
        go_wipe(r, out);
        text_puts(out, NOTHING);
        return true;
    }
    if (is_word(root->go, strlen(root->go), "Headers")) {
        /* Of a header's name a path is all that is left. */
        struct text path = TEXT_INIT;
        put_path(r, &path);
        if (path.len == 0) {
            go_drop(r, &path);
            return go_fail(r, "of the headers one by its name is needed: .Headers.x, or index .Headers \"x-y\"");
        }
        text_printf(out, "default(metadata%s, " NOTHING ")", text_string(&path));
        go_drop(r, &path);
        return true;
    }
    struct text path = TEXT_INIT;
    size_t taken = 0;
    put_path(r, &path);
    if (strcmp(root->ours, "request") == 0 && path.len > 0) {
        const struct pb_field *f = field_at(r, path.data + 1, path.len - 1, &taken);
        bool all = taken == path.len - 1 || f == NULL || r->place->request == NULL;
        *nature = all ? nature_of(f) : COMPUTED;
        /* Into a map nothing is known before the call. */
        text_printf(out, all ? "request.%.*s%s" : "(request.%.*s)%s", (int)(all ? path.len - 1 : taken), path.data + 1,
                    all ? "" : path.data + 1 + taken);
    } else {
        text_printf(out, "%s%s", root->ours, text_string(&path));
    }
    go_drop(r, &path);
    return true;
}

struct go_variable *go_variable(struct go_reader *r, const char *name, size_t len)
{
    for (size_t i = r->count; i-- > 0;)
        if (is_word(name, len, r->names[i].name))
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
    put_path(r, out);
    size_t arguments = 0;
    for (;;) {
        enum go_nature unused;
        struct text one = TEXT_INIT;
        go_skip(r);
        if (!alone || r->at >= r->end || *r->at == '|' || *r->at == ')')
            break;
        text_puts(out, arguments++ == 0 ? "(" : ", ");
        bool negative = *r->at == '-' || isdigit((unsigned char)*r->at);
        bool ok = negative ? number(r, &one) : false;
        if (!ok && *r->why == NULL && *r->at == '(') {
            r->at++;
            ok = ++r->depth <= GO_DEPTH_MAX && go_pipeline(r, &one, &unused) && r->at < r->end && *r->at++ == ')';
            r->depth--;
        } else if (!ok && *r->why == NULL && *r->at == '.') {
            r->at++;
            ok = root(r, &one, &unused);
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
        bool path = r->at + 1 < r->end && *r->at == '.' && is_name(r->at[1]);
        if (*nature == FAKER)
            return alone ? faker_call(r, alone, out) : go_fail(r, "faker's values with arguments stand in parentheses");
        if (path && strncmp(text_string(out), "now", 3) == 0 && out->len == 3)
            return put_methods(r, out);
        if (path) {
            *nature = COMPUTED;
            put_path(r, out);
        }
        return true;
    }
    if (c == '"' || c == '`') {
        struct text plain = TEXT_INIT;
        bool ok = quoted(r, &plain);
        put_quoted(out, text_string(&plain), plain.len);
        go_drop(r, &plain);
        return ok;
    }
    if (c == '\'') {
        struct text plain = TEXT_INIT;
        uint32_t point = 0;
        size_t at = 0;
        bool ok = quoted(r, &plain) && plain.len > 0 && utf8_next(text_bytes(&plain), &at, &point) && at == plain.len;
        text_printf(out, "%u", point);
        go_drop(r, &plain);
        return ok || go_fail(r, "between ' and ' one character stands in {{...}}");
    }
    if (isdigit((unsigned char)c) || ((c == '-' || c == '+') && r->at + 1 < r->end))
        return number(r, out);
    if (c == '$') {
        r->at++;
        size_t len = go_name_length(r);
        if (len == 0) { /* the call */
            if (r->at + 1 >= r->end || *r->at != '.')
                return go_fail(r, "$ is no value by itself here");
            r->at++;
            return root(r, out, nature);
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
        put_path(r, out);
        return true;
    }
    if (c == '.') {
        r->at++;
        bool named = r->at < r->end && is_name(*r->at);
        if (r->dot[0] == '\0')
            return named ? root(r, out, nature)
                         : go_fail(r, "the dot is no value by itself here: .Request is the request");
        text_puts(out, r->dot);
        r->at--;
        if (named)
            put_path(r, out);
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
        if (is_word(name, len, known[i][0]))
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
    headers = is_word(r->at, len, "Headers");
    if ((!headers && !is_word(r->at, len, "Requests")) || (r->at + len < r->end && r->at[len] == '.')) {
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
    ok = ok && r->at < r->end && (*r->at == '"' || *r->at == '`') && quoted(r, &name);
    text_printf(out, "default(metadata.%s, " NOTHING ")", text_string(&name));
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
    if (is_word(name, len, "true") || is_word(name, len, "false") || is_word(name, len, "nil")) {
        r->at += len;
        text_puts(out, name[0] == 't' ? "eq(1, 1)" : name[0] == 'f' ? "eq(0, 1)" : NOTHING);
        return piped == NULL || go_fail(r, "what a | leads to in {{...}} is no function");
    }
    if (r->place->fixed && (is_word(name, len, "faker") || is_word(name, len, "uuid") || is_word(name, len, "now") ||
                            is_word(name, len, "jitter")))
        return go_fail(r, "a matcher is the same each time: its templates draw nothing");
    if (is_word(name, len, "faker")) {
        r->at += len;
        *nature = FAKER;
        if (r->at < r->end && *r->at == '.') {
            *nature = COMPUTED;
            return piped == NULL ? faker_call(r, alone, out) : go_fail(r, "faker's values take nothing from a |");
        }
        return piped == NULL || go_fail(r, "faker's values take nothing from a |");
    }
    if (is_word(name, len, "uuid") || is_word(name, len, "now")) {
        text_add(out, name, len);
        r->at += len;
        if (piped != NULL)
            return go_fail(r, "uuid and now take nothing from a |");
        return name[0] == 'u' || put_methods(r, out);
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
            bool bare = is_word(r->at, n, "uuid") || is_word(r->at, n, "now") || is_word(r->at, n, "true") ||
                        is_word(r->at, n, "false") || is_word(r->at, n, "nil");
            bare = bare || is_word(r->at, n, "faker");
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
