/* What stands in {{...}} and is done: blocks, names, and what is printed; and the texts around it. */
#include "fakes/stub/gripmock_go.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- actions ---- */

static bool whole(struct go_reader *r, struct text *out, enum go_nature *nature)
{
    bool ok = go_pipeline(r, out, nature);
    return ok && (r->at >= r->end || go_fail(r, "{{...}} should end here"));
}

/* "$x :=", "$i, $x :=" and "$x =" in front of a value. How many names; *set: they are there already. */
static bool assigned(struct go_reader *r, const char *names[2], size_t lengths[2], size_t *count, bool *set)
{
    const char *back = r->at;
    *count = 0;
    *set = false;
    for (size_t i = 0; i < 2; i++) {
        go_skip(r);
        if (r->at >= r->end || *r->at != '$')
            break;
        r->at++;
        names[i] = r->at;
        lengths[i] = go_name_length(r);
        r->at += lengths[i];
        go_skip(r);
        *count = i + 1;
        if (r->at >= r->end || *r->at != ',')
            break;
        r->at++;
    }
    if (*count > 0 && lengths[0] > 0 && r->end - r->at >= 2 && memcmp(r->at, ":=", 2) == 0) {
        r->at += 2;
        return true;
    }
    if (*count == 1 && lengths[0] > 0 && r->at < r->end && *r->at == '=') {
        r->at++;
        *set = true;
        return true;
    }
    r->at = back;
    *count = 0;
    return true;
}

static bool open_block(struct go_reader *r, struct go_block block)
{
    if (r->open == GO_DEPTH_MAX)
        return go_fail(r, "{{if}}, {{range}} and {{with}} nest too deep");
    block.names = r->count;
    memcpy(block.outside, r->dot, sizeof block.outside);
    r->blocks[r->open++] = block;
    return true;
}

static void put_condition(struct go_reader *r, const char *word, const char *value, enum go_nature nature)
{
    text_printf(r->out, nature == PLAIN_WHOLE ? "${%s str(%s)}" : "${%s %s}", word, value);
}

static bool let(struct go_reader *r, const char *name, size_t len, bool set, const char *value, enum go_nature nature)
{
    struct go_variable *v = set ? go_variable(r, name, len) : go_new_variable(r, name, len);
    if (v == NULL)
        return go_fail(r, "a variable in {{...}} was not made before");
    if (nature == FAKER && !set)
        v->ours[0] = '\0';
    else if (nature == FAKER || v->ours[0] == '\0')
        return go_fail(r, "faker is no value by itself: faker.Person.Name");
    else
        text_printf(r->out, "${%s %s = %s}", set ? "set" : "let", v->ours, value);
    return true;
}

/* {{if}}, and what is behind {{else}}. */
static bool when(struct go_reader *r, const char *word)
{
    const char *names[2];
    size_t lengths[2], count;
    struct text value = TEXT_INIT;
    enum go_nature nature;
    bool set, ok = assigned(r, names, lengths, &count, &set) && whole(r, &value, &nature);
    if (ok && nature == FAKER)
        ok = go_fail(r, "faker is no value by itself: faker.Person.Name");
    if (ok && count > 0) {
        ok = strcmp(word, "if") == 0 ? let(r, names[0], lengths[0], set, text_string(&value), nature)
                                     : go_fail(r, "an {{else if}} makes no name here");
    }
    if (ok)
        put_condition(r, word, text_string(&value), nature);
    go_drop(r, &value);
    return ok;
}

static bool with(struct go_reader *r)
{
    const char *names[2];
    size_t lengths[2], count;
    struct text value = TEXT_INIT;
    enum go_nature nature;
    bool set, ok = assigned(r, names, lengths, &count, &set) && whole(r, &value, &nature);
    if (ok && nature == FAKER && count == 1 && !set) { /* it always is something */
        ok = let(r, names[0], lengths[0], false, "", nature);
        text_puts(r->out, ok ? "${if 1}" : "");
    } else if (ok && nature == FAKER) {
        ok = go_fail(r, "faker is no value by itself: faker.Person.Name");
    } else if (ok) {
        snprintf(r->dot, sizeof r->dot, "dot%d", ++r->made);
        text_printf(r->out, "${let %s = %s}", r->dot, text_string(&value));
        ok = count == 0 || let(r, names[0], lengths[0], set, r->dot, COMPUTED);
        put_condition(r, "if", r->dot, nature);
    }
    go_drop(r, &value);
    return ok;
}

static bool range(struct go_reader *r)
{
    const char *names[2];
    size_t lengths[2], count;
    struct text value = TEXT_INIT;
    enum go_nature nature;
    bool set, ok = assigned(r, names, lengths, &count, &set) && whole(r, &value, &nature);
    if (ok && (set || nature == FAKER))
        ok = go_fail(r, "this {{range}} is not understood");
    struct go_variable *first = ok && count == 2 ? go_new_variable(r, names[0], lengths[0]) : NULL;
    struct go_variable *last = ok && count > 0 ? go_new_variable(r, names[count - 1], lengths[count - 1]) : NULL;
    ok = ok && (count < 2 || first != NULL) && (count == 0 || last != NULL);
    if (ok) {
        snprintf(r->dot, sizeof r->dot, "dot%d", ++r->made);
        /* Of one that is not there Go goes through nothing as well. */
        text_printf(r->out, "${each %s%s%s in %s}", first != NULL ? first->ours : "", first != NULL ? ", " : "", r->dot,
                    text_string(&value));
        if (last != NULL)
            text_printf(r->out, "${let %s = %s}", last->ours, r->dot);
    }
    go_drop(r, &value);
    return ok;
}

static bool otherwise(struct go_reader *r)
{
    struct go_block *block = r->open > 0 ? &r->blocks[r->open - 1] : NULL;
    if (block == NULL || block->other)
        return go_fail(r, "this {{else}} belongs to nothing");
    r->count = block->names;
    memcpy(r->dot, block->outside, sizeof r->dot);
    if (go_at_end(r)) {
        block->other = true;
        text_puts(r->out, "${else}");
        return true;
    }
    if (go_word(r, "if") && !block->loop && !block->with)
        return when(r, "else if");
    if (block->with && go_word(r, "with")) {
        text_puts(r->out, "${else}");
        block->ends++;
        return with(r);
    }
    return go_fail(r, "this {{else}} is not understood");
}

static bool action(struct go_reader *r)
{
    const char *names[2];
    size_t lengths[2], count;
    bool set;
    enum go_nature nature;
    if (go_word(r, "if"))
        return open_block(r, (struct go_block){0}) && when(r, "if");
    if (go_word(r, "with"))
        return open_block(r, (struct go_block){.with = true}) && with(r);
    if (go_word(r, "range"))
        return open_block(r, (struct go_block){.loop = true}) && range(r);
    if (go_word(r, "else"))
        return otherwise(r);
    if (go_word(r, "end")) {
        if (r->open == 0 || !go_at_end(r))
            return go_fail(r, "this {{end}} belongs to nothing");
        const struct go_block *block = &r->blocks[--r->open];
        for (int i = 0; i <= block->ends; i++)
            text_puts(r->out, "${end}");
        r->count = block->names;
        memcpy(r->dot, block->outside, sizeof r->dot);
        return true;
    }
    if (go_word(r, "break") || go_word(r, "continue")) {
        text_printf(r->out, r->at[-1] == 'k' ? "${break}" : "${continue}");
        return go_at_end(r) || go_fail(r, "{{...}} should end here");
    }
    if (go_word(r, "define") || go_word(r, "template") || go_word(r, "block") || go_word(r, "call"))
        return go_fail(r, "define, template, block and call are not known here: write the text where it stands");
    struct text value = TEXT_INIT;
    bool ok = assigned(r, names, lengths, &count, &set) && whole(r, &value, &nature);
    if (ok && count == 2)
        ok = go_fail(r, "two names are made by a {{range}} only");
    else if (ok && count == 1)
        ok = let(r, names[0], lengths[0], set, text_string(&value), nature);
    else if (ok && nature == FAKER)
        ok = go_fail(r, "faker is no value by itself: faker.Person.Name");
    else if (ok && (nature == PLAIN || nature == PLAIN_WHOLE))
        text_printf(r->out, "${%s}", text_string(&value));
    else if (ok)
        text_printf(r->out, "${print(%s)}", text_string(&value));
    go_drop(r, &value);
    return ok;
}

/* ---- texts ---- */

/* The }} of an action, quotes passed over. */
static const char *action_end(const char *at, const char *end)
{
    char quote = '\0';
    for (; at + 1 < end; at++) {
        if (quote != '\0') {
            if (*at == '\\' && quote != '`')
                at++;
            else if (*at == quote)
                quote = '\0';
        } else if (*at == '"' || *at == '`' || *at == '\'') {
            quote = *at;
        } else if (at[0] == '}' && at[1] == '}') {
            return at;
        }
    }
    return NULL;
}

static void put_plain(struct text *out, const char *at, const char *end)
{
    for (; at < end; at++) {
        if (end - at >= 2 && memcmp(at, "${", 2) == 0)
            text_char(out, '$');
        text_char(out, *at);
    }
}

static const char *without_blanks(const char *from, const char *end)
{
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    return end;
}

static bool translate(struct go_reader *r, struct bytes go)
{
    const char *at = (const char *)go.data, *end = at + go.len;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        const char *from = open != NULL ? open + 2 : end, *plain_end = open != NULL ? open : end;
        if (open != NULL && end - from >= 2 && *from == '-' && isspace((unsigned char)from[1])) {
            plain_end = without_blanks(at, open);
            from += 2;
        }
        put_plain(r->out, at, plain_end);
        if (open == NULL)
            break;
        bool comment = end - from >= 2 && memcmp(from, "/*", 2) == 0;
        const char *close = comment ? memmem(from, (size_t)(end - from), "*/", 2) : from;
        close = close != NULL ? comment ? memmem(close, (size_t)(end - close), "}}", 2) : action_end(from, end) : NULL;
        if (close == NULL)
            return go_fail(r, "a {{ has no }}");
        bool trims = close - from >= 2 && close[-1] == '-' && isspace((unsigned char)close[-2]);
        r->at = from;
        r->end = trims ? close - 1 : close;
        go_skip(r);
        if (!comment && r->at == r->end)
            return go_fail(r, "a part is missing in {{...}}");
        if (!comment && !action(r))
            return false;
        for (at = close + 2; trims && at < end && isspace((unsigned char)*at);)
            at++;
    }
    return r->open == 0 || go_fail(r, "an {{if}}, {{range}} or {{with}} has no {{end}}");
}

/* Quotes with a backslash before them, as they come from YAML that was quoted twice. */
static void without_escapes(struct bytes go, struct text *out)
{
    for (size_t i = 0; i < go.len; i++)
        if (go.data[i] != '\\' || i + 1 == go.len || go.data[i + 1] != '"')
            text_char(out, (char)go.data[i]);
}

static int translated(struct bytes go, const struct gripmock_place *place, struct text *out, const char **why)
{
    struct go_reader *r = calloc(1, sizeof *r);
    *why = NULL;
    if (r == NULL)
        return ERROR_MEMORY;
    r->why = why;
    r->place = place;
    r->out = out;
    bool ok = translate(r, go), memory = r->failed_memory || !text_ok(out);
    free(r);
    if (memory)
        *why = NULL;
    return memory ? ERROR_MEMORY : ok ? 0 : ERROR_UNSUPPORTED;
}

int gripmock_template(struct bytes go, const struct gripmock_place *place, struct text *out, const char **why)
{
    size_t before = out->len;
    const char *unused = NULL;
    struct text plain = TEXT_INIT;
    int code = translated(go, place, out, why);
    if (code != ERROR_UNSUPPORTED || memmem(go.data, go.len, "\\\"", 2) == NULL)
        return code;
    text_truncate(out, before);
    without_escapes(go, &plain);
    int second = text_ok(&plain) ? translated(text_bytes(&plain), place, out, &unused) : ERROR_MEMORY;
    text_deinit(&plain);
    if (second != ERROR_UNSUPPORTED)
        *why = NULL;
    return second != ERROR_UNSUPPORTED ? second : code;
}

/* ---- YAML ---- */

static bool in_quotes(const char *from, const char *at)
{
    bool single = false, twice = false;
    for (; from < at; from++) {
        if (*from == '\\')
            from++;
        else if (*from == '"' && !single)
            twice = !twice;
        else if (*from == '\'' && !twice)
            single = !single;
    }
    return single || twice;
}

static void put_yaml(struct text *out, const char *from, const char *end)
{
    bool single = memchr(from, '"', (size_t)(end - from)) != NULL || memchr(from, '\\', (size_t)(end - from)) != NULL;
    text_char(out, single ? '\'' : '"');
    for (; from < end; from++)
        text_printf(out, single && *from == '\'' ? "''" : "%c", *from);
    text_char(out, single ? '\'' : '"');
}

static void yaml_line(const char *at, const char *end, struct text *out)
{
    const char *line = at;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        const char *close = open != NULL ? action_end(open + 2, end) : NULL;
        if (close == NULL)
            break;
        close += 2;
        const char *before = without_blanks(line, open), *behind = close;
        while (behind < end && isspace((unsigned char)*behind))
            behind++;
        text_add(out, at, (size_t)(open - at));
        if (before == line || strchr(":-", before[-1]) == NULL || in_quotes(line, open)) {
            text_add(out, open, (size_t)(close - open));
        } else {
            bool alone = behind == end || strchr("#,]}", *behind) != NULL;
            close = alone ? close : without_blanks(close, end);
            put_yaml(out, open, close);
        }
        at = close;
    }
    text_add(out, at, (size_t)(end - at));
}

void gripmock_yaml(struct bytes yaml, struct text *out)
{
    const char *at = (const char *)yaml.data, *end = at + yaml.len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        yaml_line(at, newline != NULL ? newline : end, out);
        text_puts(out, newline != NULL ? "\n" : "");
        at = newline != NULL ? newline + 1 : end;
    }
}
