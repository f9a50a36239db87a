/* The expressions of templates read. */
#include "fakes/stub/function.h"
#include "fakes/stub/template_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LENGTH_MAX 128
#define WORDS_MAX       200 /* that a mistyped one is compared with */

static const char *const names[] = {
    "request", "messages", "metadata", "session", "caller",  "service",  "method",
    "now",     "uuid",     "stub",     "call",    "counter", "captured", "faker",
};

static int wrong(struct reader *r, int code, const char *what, const char *word)
{
    return error_set(&r->c->why, code, "%s%s%s%s", what, word[0] != '\0' ? " \"" : "", word,
                     word[0] != '\0' ? "\"" : "");
}

int read_wrong(struct reader *r, int code, const char *what, const char *word)
{
    return wrong(r, code, what, word);
}

static int memory(struct reader *r)
{
    return error_set(&r->c->why, ERROR_MEMORY, "out of memory");
}

static void skip(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n'))
        r->at++;
}

static bool take_char(struct reader *r, char c)
{
    skip(r);
    if (r->at >= r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

bool read_char(struct reader *r, char c)
{
    return take_char(r, c);
}

bool read_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    skip(r);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0 ||
        (r->at + len < r->end && (isalnum((unsigned char)r->at[len]) || strchr("_.([", r->at[len]) != NULL)))
        return false;
    r->at += len;
    return true;
}

static struct expression *expression_new(struct reader *r, enum expression_kind kind)
{
    struct expression *e = NULL;
    if (r->parts++ == TEMPLATE_PARTS_MAX)
        wrong(r, ERROR_LIMIT, "too much stands in one ${...}", "");
    else if ((e = ARENA_NEW(r->c->arena, struct expression)) == NULL)
        memory(r);
    else
        e->kind = kind;
    return e;
}

static int sum(struct reader *r, struct expression **out);

/* ---- words ---- */

static int identifier(struct reader *r, char out[NAME_LENGTH_MAX], bool dashes)
{
    size_t len = 0;
    while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '_' || (dashes && strchr("-.", *r->at)))) {
        if (len + 1 >= NAME_LENGTH_MAX)
            return wrong(r, ERROR_LIMIT, "a name is too long", "");
        out[len++] = *r->at++;
    }
    out[len] = '\0';
    return len > 0 ? 0 : wrong(r, ERROR_SYNTAX, "a name is missing in ${...}", "");
}

int read_identifier(struct reader *r, const char **out)
{
    char name[NAME_LENGTH_MAX];
    skip(r);
    int code = identifier(r, name, false);
    *out = code == 0 ? arena_string(r->c->arena, name) : NULL;
    return code != 0 || *out != NULL ? code : memory(r);
}

static int quoted(struct reader *r, char quote, struct bytes *out)
{
    const char *close = memchr(r->at, quote, (size_t)(r->end - r->at));
    if (close == NULL)
        return wrong(r, ERROR_SYNTAX, "a quote in ${...} is not closed", "");
    const char *copy = arena_string_n(r->c->arena, r->at, (size_t)(close - r->at));
    *out = BYTES(copy, (size_t)(close - r->at));
    r->at = close + 1;
    return copy != NULL ? 0 : memory(r);
}

static int after_dot(struct reader *r, const char *of, char out[NAME_LENGTH_MAX], bool dashes)
{
    if (r->at >= r->end || *r->at != '.')
        return wrong(r, ERROR_SYNTAX, "a .name is missing behind", of);
    r->at++;
    return identifier(r, out, dashes);
}

static int number(struct reader *r, struct expression **out)
{
    char digits[40];
    size_t len = 0;
    bool real = false;
    struct expression *e = *out = expression_new(r, EXPRESSION_CONSTANT);
    if (e == NULL)
        return r->c->why.code;
    for (; r->at < r->end && (isdigit((unsigned char)*r->at) || (*r->at == '.' && !real)); r->at++) {
        real = real || *r->at == '.';
        if (len + 1 < sizeof digits)
            digits[len++] = *r->at;
    }
    digits[len] = '\0';
    if (len > 18)
        return wrong(r, ERROR_LIMIT, "a number has at most 18 digits, unlike", digits);
    e->constant = real ? (struct made){.kind = MADE_REAL, .real = strtod(digits, NULL)}
                       : (struct made){.kind = MADE_INTEGER, .integer = strtoll(digits, NULL, 10)};
    return 0;
}

/* ---- paths of fields ---- */

static int field_named(struct reader *r, const struct pb_type *type, const char *name, const struct pb_field **out)
{
    /* The place of the message is put in front later, so a node without a document does here. */
    const char *fields[64 + 1];
    size_t count = type->field_count < 64 ? type->field_count : 64;
    *out = pb_field_by_name(type, name);
    if (*out != NULL)
        return 0;
    for (size_t i = 0; i < count; i++)
        fields[i] = type->fields[i].name;
    fields[count] = NULL;
    const char *near = nearest_word(name, fields);
    return error_set(&r->c->why, ERROR_NOT_FOUND, "%s has no field \"%s\"%s%s%s", type->full_name, name,
                     near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static int path(struct reader *r, struct plan *plan, struct shape *shape, struct reference *ref);

/* [3] or ["key"] behind a list or map, and what follows in its item. */
static int bracket(struct reader *r, struct reference *ref)
{
    const struct pb_field *f = ref->field, *held = f->map ? &f->message->fields[1] : f;
    skip(r);
    ref->indexed = true;
    if (f->map) {
        struct bytes text = BYTES_NONE;
        int code = r->at < r->end && (*r->at == '"' || *r->at == '\'') ? quoted(r, *r->at++, &text) : 0;
        if (code == 0 && text.data == NULL) {
            const char *start = r->at;
            while (r->at < r->end && *r->at != ']')
                r->at++;
            text = BYTES(arena_string_n(r->c->arena, start, (size_t)(r->at - start)), (size_t)(r->at - start));
            code = text.data != NULL ? 0 : memory(r);
        }
        if (code != 0)
            return code;
        if (!value_of_text(&f->message->fields[0], text, &ref->key))
            return wrong(r, ERROR_INVALID, "this is no key of the map", f->name);
    } else {
        struct expression *e = NULL;
        bool back = take_char(r, '-');
        if (r->at >= r->end || !isdigit((unsigned char)*r->at))
            return wrong(r, ERROR_SYNTAX, "a number is missing in the [] of", f->name);
        int code = number(r, &e);
        if (code != 0 || e->constant.kind != MADE_INTEGER)
            return code != 0 ? code : wrong(r, ERROR_SYNTAX, "a whole number is missing in the [] of", f->name);
        ref->index = back ? -e->constant.integer : e->constant.integer;
    }
    if (!take_char(r, ']'))
        return wrong(r, ERROR_SYNTAX, "a ] is missing behind", f->name);
    ref->item = held;
    if (r->at >= r->end || *r->at != '.')
        return 0;
    if (held->kind != PB_MESSAGE)
        return wrong(r, ERROR_INVALID, "there are no fields in the items of", f->name);
    if (++r->depth > TEMPLATE_DEPTH_MAX)
        return wrong(r, ERROR_LIMIT, "${...} nests too deep", "");
    r->at++;
    ref->plan = ARENA_NEW(r->c->arena, struct plan);
    ref->next = ARENA_NEW(r->c->arena, struct reference);
    if (ref->plan == NULL || ref->next == NULL || !plan_init(ref->plan, r->c->arena, held->message, ""))
        return memory(r);
    return path(r, ref->plan, ref->plan->root, ref->next);
}

/* Fields one below the other, from the shape on. */
static int path(struct reader *r, struct plan *plan, struct shape *shape, struct reference *ref)
{
    char name[NAME_LENGTH_MAX];
    const struct pb_field *f = NULL;
    for (;;) {
        int code = identifier(r, name, false);
        if (code == 0)
            code = field_named(r, shape->type, name, &f);
        if (code != 0)
            return code;
        bool deeper = r->at < r->end && *r->at == '.';
        if (!deeper)
            break;
        if (f->kind != PB_MESSAGE || f->repeated)
            return wrong(r, ERROR_INVALID, f->repeated ? "an [index] is missing behind" : "there are no fields in",
                         f->name);
        r->at++;
        shape = plan_enter(plan, shape, f);
        if (shape == NULL)
            return memory(r);
    }
    ref->field = ref->item = f;
    ref->slot = plan_watch(plan, shape, f);
    if (ref->slot < 0)
        return ref->slot == -1 ? memory(r) : wrong(r, ERROR_LIMIT, "too many fields are looked at", "");
    if (r->at < r->end && *r->at == '[') {
        if (!f->repeated)
            return wrong(r, ERROR_INVALID, "this is no list and no map:", f->name);
        r->at++;
        return bracket(r, ref);
    }
    return 0;
}

static int request(struct reader *r, struct expression *e)
{
    struct stub_method *m = r->c->method;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        return path(r, method_plan(m), method_plan(m)->root, &e->ref);
    }
    e->ref.slot = MATCH_SLOT_ROOT;
    e->ref.field = e->ref.item = method_messages(m);
    return 0;
}

static int messages(struct reader *r, struct expression *e)
{
    char name[NAME_LENGTH_MAX];
    struct stub_method *m = r->c->method;
    bool one = take_char(r, '[');
    if (one || r->at >= r->end || *r->at != '.') {
        method_look_at_messages(m);
        e->ref.field = e->ref.item = method_messages(m);
        e->ref.slot = method_messages_slot();
        return one ? bracket(r, &e->ref) : 0;
    }
    int code = after_dot(r, "messages", name, false);
    if (code == 0 && strcmp(name, "count") != 0)
        code = wrong(r, ERROR_SYNTAX, "messages have [index] or .count, not", name);
    e->kind = EXPRESSION_MESSAGE_COUNT;
    return code;
}

static int metadata(struct reader *r, struct expression *e)
{
    char name[NAME_LENGTH_MAX];
    int code = after_dot(r, "metadata", name, true);
    if (code != 0)
        return code;
    e->ref.slot = method_metadata(r->c->method, name, &e->ref.field);
    e->ref.item = e->ref.field;
    return e->ref.slot >= 0 ? 0 : memory(r);
}

static int captured(struct reader *r, struct expression *e)
{
    char name[NAME_LENGTH_MAX], group[NAME_LENGTH_MAX];
    int code = after_dot(r, "captured", name, false);
    if (code != 0)
        return code;
    for (size_t i = 0; i < r->c->capture_count && e->capture == NULL; i++)
        if (strcmp(r->c->captures[i].name, name) == 0) {
            e->capture = arena_copy(r->c->arena, &r->c->captures[i], sizeof *e->capture);
            if (e->capture == NULL)
                return memory(r);
        }
    if (e->capture == NULL)
        return wrong(r, ERROR_NOT_FOUND, "no $capture has the name", name);
    size_t groups = e->capture->pattern->regex.re_nsub;
    e->group = groups > 0 ? 1 : 0;
    if (r->at >= r->end || *r->at != '.')
        return 0;
    r->at++;
    code = identifier(r, group, false);
    e->group = code == 0 && strspn(group, "0123456789") == strlen(group) ? strtoul(group, NULL, 10) : SIZE_MAX;
    if (code == 0 && (e->group > groups || e->group > PATTERN_GROUPS_MAX))
        code = wrong(r, ERROR_NOT_FOUND, "its expression has no such group:", group);
    return code;
}

/* name.part, of the parts that it has; the first is the one without .part, when it may stand alone. */
static int parted(struct reader *r, const char *of, const char *const *parts, size_t *which, bool alone)
{
    char name[NAME_LENGTH_MAX];
    *which = 0;
    if (alone && (r->at >= r->end || *r->at != '.'))
        return 0;
    int code = after_dot(r, of, name, false);
    if (code != 0)
        return code;
    for (*which = alone; parts[*which] != NULL; ++*which)
        if (strcmp(parts[*which], name) == 0)
            return 0;
    return wrong(r, ERROR_NOT_FOUND, "there is nothing of the name", name);
}

/* Of a function that takes none the ( and ) may be left out. */
static int arguments(struct reader *r, struct expression *e)
{
    const struct function *f = e->function;
    struct expression *all[FUNCTION_ARGUMENTS_MAX];
    size_t count = 0;
    int code = 0;
    bool open = take_char(r, '(');
    if (!open && f->most > 0)
        return wrong(r, ERROR_SYNTAX, "a ( is missing behind the function", f->name);
    if (open && !take_char(r, ')')) {
        do {
            if (count == f->most)
                return wrong(r, ERROR_INVALID, "too many arguments has", f->name);
            code = sum(r, &all[count++]);
        } while (code == 0 && take_char(r, ','));
        if (code == 0 && !take_char(r, ')'))
            code = wrong(r, ERROR_SYNTAX, "a ) is missing behind the arguments of", f->name);
    }
    if (code == 0 && count < f->least)
        code = wrong(r, ERROR_SYNTAX, "an argument is missing of", f->name);
    if (code != 0)
        return code;
    e->argument_count = count;
    e->arguments = arena_copy(r->c->arena, all, (count > 0 ? count : 1) * sizeof(struct expression *));
    return e->arguments != NULL ? 0 : memory(r);
}

static int call(struct reader *r, const struct function *f, struct expression *e)
{
    e->kind = EXPRESSION_CALL;
    e->function = f;
    return arguments(r, e);
}

/* faker.Person.Name, faker.Commerce.Price(1, 9) */
static int faker(struct reader *r, struct expression *e)
{
    char group[NAME_LENGTH_MAX], name[NAME_LENGTH_MAX], both[2 * NAME_LENGTH_MAX + 8];
    int code = after_dot(r, "faker", group, false);
    if (code == 0)
        code = after_dot(r, group, name, false);
    if (code != 0)
        return code;
    snprintf(both, sizeof both, "faker.%s.%s", group, name);
    const struct function *f = function_find(both);
    return f != NULL ? call(r, f, e) : wrong(r, ERROR_NOT_FOUND, "there is no", both);
}

static int unknown(struct reader *r, const char *name)
{
    const char *words[WORDS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        words[count++] = names[i];
    for (size_t i = 0; function_at(i) != NULL && count < WORDS_MAX; i++)
        words[count++] = function_at(i);
    words[count] = NULL;
    const char *near = nearest_word(name, words);
    return error_set(&r->c->why, ERROR_NOT_FOUND, "there is no ${%s}%s%s%s", name,
                     near != NULL ? ": did you mean ${" : "", near != NULL ? near : "", near != NULL ? "}?" : "");
}

static int word(struct reader *r, struct expression **out)
{
    static const char *const times[] = {"", "seconds", "millis", "nanos", NULL};
    static const char *const stubs[] = {"count", "times", "name", NULL};
    static const char *const calls[] = {"number", "index", NULL};
    char name[NAME_LENGTH_MAX], counter[NAME_LENGTH_MAX];
    struct expression *e;
    size_t which = 0;
    int code = identifier(r, name, false);
    if (code != 0)
        return code;
    e = *out = expression_new(r, EXPRESSION_FIELD);
    if (e == NULL)
        return r->c->why.code;
    for (size_t i = r->names != NULL ? r->names->count : 0; i-- > 0;)
        if (strcmp(r->names->items[i].name, name) == 0) {
            e->kind = EXPRESSION_VARIABLE;
            e->variable = r->names->items[i].variable;
            return 0;
        }
    if (strcmp(name, "request") == 0)
        return request(r, e);
    if (strcmp(name, "messages") == 0)
        return messages(r, e);
    if (strcmp(name, "metadata") == 0)
        return metadata(r, e);
    if (strcmp(name, "captured") == 0) {
        e->kind = EXPRESSION_CAPTURED;
        return captured(r, e);
    }
    if (strcmp(name, "faker") == 0)
        return faker(r, e);
    const struct function *f = function_find(strcmp(name, "uuid") == 0 ? "faker.Identity.UUID" : name);
    if (f != NULL)
        return call(r, f, e);
    if (strcmp(name, "session") == 0 || strcmp(name, "caller") == 0) {
        e->ref.slot = method_text_slot(name[0] == 's', &e->ref.field);
        e->ref.item = e->ref.field;
        return 0;
    }
    if (strcmp(name, "service") == 0 || strcmp(name, "method") == 0) {
        e->kind = EXPRESSION_CONSTANT;
        e->constant = (struct made){.kind = MADE_TEXT, .bytes = bytes_of(method_name(r->c->method, name[0] == 's'))};
        return 0;
    }
    if (strcmp(name, "now") == 0) {
        code = parted(r, "now", times, &which, true);
        e->kind = which == 0   ? EXPRESSION_NOW
                  : which == 1 ? EXPRESSION_SECONDS
                  : which == 2 ? EXPRESSION_MILLIS
                               : EXPRESSION_NANOS;
        return code;
    }
    if (strcmp(name, "stub") == 0) {
        code = parted(r, "stub", stubs, &which, false);
        e->kind = which == 0 ? EXPRESSION_STUB_COUNT : which == 1 ? EXPRESSION_STUB_TIMES : EXPRESSION_STUB_NAME;
        return code;
    }
    if (strcmp(name, "call") == 0) {
        code = parted(r, "call", calls, &which, false);
        e->kind = which == 0 ? EXPRESSION_CALL_NUMBER : EXPRESSION_CALL_INDEX;
        return code;
    }
    if (strcmp(name, "counter") == 0) {
        e->kind = EXPRESSION_COUNTER;
        code = after_dot(r, "counter", counter, false);
        if (code == 0) {
            const char *copy = arena_string(r->c->arena, counter);
            e->constant.bytes = copy != NULL ? bytes_of(copy) : BYTES_NONE;
            code = copy != NULL ? 0 : memory(r);
        }
        return code;
    }
    return unknown(r, name);
}

/* ---- expressions ---- */

static int item(struct reader *r, struct expression **out);

static int atom(struct reader *r, struct expression **out)
{
    int code;
    skip(r);
    if (r->at >= r->end)
        return wrong(r, ERROR_SYNTAX, "something is missing in ${...}", "");
    if (isdigit((unsigned char)*r->at))
        return number(r, out);
    if (*r->at == '\'' || *r->at == '"') {
        char quote = *r->at++;
        *out = expression_new(r, EXPRESSION_CONSTANT);
        if (*out == NULL)
            return r->c->why.code;
        (*out)->constant.kind = MADE_TEXT;
        return quoted(r, quote, &(*out)->constant.bytes);
    }
    if (r->depth == TEMPLATE_DEPTH_MAX)
        return wrong(r, ERROR_LIMIT, "${...} nests too deep", "");
    r->depth++;
    if (take_char(r, '(')) {
        code = sum(r, out);
        if (code == 0 && !take_char(r, ')'))
            code = wrong(r, ERROR_SYNTAX, "a ) is missing in ${...}", "");
    } else if (take_char(r, '-')) {
        struct expression *e = *out = expression_new(r, EXPRESSION_BINARY), *zero;
        zero = e != NULL ? expression_new(r, EXPRESSION_CONSTANT) : NULL;
        if (zero == NULL)
            return r->c->why.code;
        zero->constant.kind = MADE_INTEGER;
        e->operator= '-';
        e->parts[0] = zero;
        code = item(r, &e->parts[1]);
    } else if (isalpha((unsigned char)*r->at) || *r->at == '_') {
        code = word(r, out);
    } else {
        char found[2] = {isprint((unsigned char)*r->at) ? *r->at : '?', '\0'};
        code = wrong(r, ERROR_SYNTAX, "${...} does not go on with", found);
    }
    r->depth--;
    return code;
}

/* What is behind a value: of those that a contract describes the paths were read before, and checked. */
static int item(struct reader *r, struct expression **out)
{
    int code = atom(r, out);
    while (code == 0 && r->at < r->end && (*r->at == '.' || *r->at == '[')) {
        bool named = *r->at++ == '.';
        struct expression *e = expression_new(r, named ? EXPRESSION_MEMBER : EXPRESSION_ITEM);
        if (e == NULL)
            return r->c->why.code;
        e->parts[0] = *out;
        *out = e;
        if (named) {
            const char *name;
            code = read_identifier(r, &name);
            e->constant.bytes = code == 0 ? bytes_of(name) : BYTES_NONE;
            continue;
        }
        if (r->depth == TEMPLATE_DEPTH_MAX)
            return wrong(r, ERROR_LIMIT, "${...} nests too deep", "");
        r->depth++;
        code = sum(r, &e->parts[1]);
        if (code == 0 && !take_char(r, ']'))
            code = wrong(r, ERROR_SYNTAX, "a ] is missing in ${...}", "");
        r->depth--;
    }
    return code;
}

static int chain(struct reader *r, const char *operators, int (*below)(struct reader *r, struct expression **out),
                 struct expression **out)
{
    int code = below(r, out);
    for (;;) {
        skip(r);
        if (code != 0 || r->at >= r->end || strchr(operators, *r->at) == NULL)
            return code;
        struct expression *e = expression_new(r, EXPRESSION_BINARY);
        if (e == NULL)
            return r->c->why.code;
        e->operator= * r->at++;
        e->parts[0] = *out;
        *out = e;
        code = below(r, &e->parts[1]);
    }
}

static int product(struct reader *r, struct expression **out)
{
    return chain(r, "*/%", item, out);
}

static int sum(struct reader *r, struct expression **out)
{
    return chain(r, "+-", product, out);
}

int read_expression(struct reader *r, struct expression **out)
{
    return sum(r, out);
}
