/* What answers gave and later requests have, by whole words: of a text "Bearer abc-1" the words are all runs that begin
 * and end beside something that is no letter and no digit. */
#include "e2e/record/internal.h"

#include "base/secret_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_ENDS_MAX 64 /* ends that are tried from one beginning */

static bool ends_with(const char *key, const char *const *endings)
{
    size_t len = strlen(key);
    for (; *endings != NULL; endings++) {
        size_t e = strlen(*endings);
        if (len >= e && strcasecmp(key + len - e, *endings) == 0)
            return true;
    }
    return false;
}

bool recording_key_is_identity(const char *key)
{
    static const char *const words[] = {"id",   "ids",  "token",  "code",   "key",  "cursor", "etag",
                                        "next", "slug", "number", "secret", "hash", "nonce",  NULL};
    return ends_with(key, words);
}

json_t *recording_text(struct recording *r, const struct text *t)
{
    json_t *out = text_ok(t) ? json_stringn(t->data != NULL ? t->data : "", t->len) : NULL;
    r->failed = r->failed || out == NULL;
    return out;
}

/* ---- the variables ---- */

static const char *name_for(struct recording *r, const char *key, bool environment)
{
    static const char *const taken[] = {"token",  "namespace", "gateway", "admin_secret", "bin", "data", "port", "here",
                                        "driver", "scratch",   "unique",  "fake",         "env", "now",  NULL};
    static char there;
    struct text name = TEXT_INIT;
    text_puts(&name, environment ? "RECORDED_" : "");
    for (size_t i = 0; key[i] != '\0'; i++) {
        unsigned char c = (unsigned char)key[i];
        bool hump = i > 0 && isupper(c) && islower((unsigned char)key[i - 1]);
        text_puts(&name, hump ? "_" : "");
        text_char(&name, !isalnum(c) ? '_' : (char)(environment ? toupper(c) : tolower(c)));
    }
    if (name.len == 0 || isdigit((unsigned char)name.data[0]))
        text_puts(&name, "value");
    for (const char *const *t = taken; *t != NULL; t++)
        if (strcmp(text_string(&name), *t) == 0)
            text_puts(&name, "_1");
    size_t len = name.len;
    for (int i = 2; text_ok(&name) && map_get(&r->names, text_string(&name)) != NULL; i++) {
        text_truncate(&name, len);
        text_printf(&name, "_%d", i);
    }
    const char *out = text_ok(&name) ? arena_string(&r->arena, text_string(&name)) : NULL;
    r->failed = r->failed || out == NULL || !map_put(&r->names, out, &there);
    text_deinit(&name);
    return out;
}

/* "note" and "id" are "note_id". */
static const char *key_within(struct recording *r, const char *parent, const char *key)
{
    if (parent[0] == '\0' || strlen(key) > 5)
        return key;
    const char *out = arena_printf(&r->arena, "%s_%s", parent, key);
    r->failed = r->failed || out == NULL;
    return out != NULL ? out : key;
}

static struct known *add_known(struct recording *r, const char *text, size_t len, const char *key)
{
    struct known *k = ARENA_NEW(&r->arena, struct known);
    char *copy = arena_string_n(&r->arena, text, len), *name = arena_string(&r->arena, key);
    if (k == NULL || copy == NULL || name == NULL || !map_put(&r->values, copy, k)) {
        r->failed = true;
        return NULL;
    }
    *k = (struct known){.text = copy, .key = name};
    return k;
}

/* ---- rewriting ---- */

static bool beside(struct bytes t, size_t at)
{
    return at == 0 || at >= t.len || !isalnum(t.data[at]) || !isalnum(t.data[at - 1]);
}

/* Short values are others' parts only by chance, but for whole values and whole parts of a URL. */
static bool is_meant(const struct known *k, struct bytes t, size_t begin, size_t end, const char *key, bool target)
{
    bool whole = begin == 0 && end == t.len;
    if (end - begin >= SHORT_VALUE && !k->number)
        return true;
    if (target)
        return begin > 0 && strchr("/=", t.data[begin - 1]) != NULL &&
               (end == t.len || strchr("/&?:", t.data[end]) != NULL);
    return whole && recording_key_is_identity(key);
}

static struct known *find(struct recording *r, size_t step, struct bytes t, size_t begin, const char *key, bool target,
                          size_t *end, bool *own)
{
    char word[VALUE_MAX + 1];
    size_t ends[WORD_ENDS_MAX], count = 0;
    for (size_t e = begin + 1; e <= t.len && e - begin <= VALUE_MAX && count < WORD_ENDS_MAX; e++)
        if (beside(t, e))
            ends[count++] = e;
    while (count > 0) { /* the longest first */
        *end = ends[--count];
        memcpy(word, t.data + begin, *end - begin);
        word[*end - begin] = '\0';
        struct known *k = map_get(&r->values, word);
        if (k == NULL || !is_meant(k, t, begin, *end, key, target))
            continue;
        if (k->path == NULL || k->step < step)
            return k;
        *own = *own || (k->step == step && k->name != NULL);
    }
    return NULL;
}

static void put_variable(struct recording *r, struct known *k, struct text *out)
{
    if (k->name == NULL)
        k->name = name_for(r, k->key, k->path == NULL);
    text_printf(out, "${%s%s}", k->path == NULL ? "env." : "", k->name != NULL ? k->name : "");
}

/* `use`: a value that no request had before gets its variable here. */
static void rewrite(struct recording *r, size_t step, struct bytes t, const char *key, bool target, bool use,
                    struct text *out, bool *own)
{
    for (size_t at = 0, end = 0; at < t.len;) {
        struct known *k = beside(t, at) && isgraph(t.data[at]) ? find(r, step, t, at, key, target, &end, own) : NULL;
        if (k != NULL && (use || k->name != NULL)) {
            put_variable(r, k, out);
            at = end;
            continue;
        }
        if (t.data[at] == '$' && at + 1 < t.len && t.data[at + 1] == '{')
            text_char(out, '$');
        text_char(out, (char)t.data[at++]);
    }
}

void recording_rewrite(struct recording *r, size_t step, struct bytes text, const char *key, bool target,
                       struct text *out, bool *own)
{
    rewrite(r, step, text, key, target, false, out, own);
}

/* ---- requests ---- */

static json_t *from_environment(struct recording *r, const char *text, size_t len, const char *key, const char *scheme)
{
    struct text out = TEXT_INIT;
    struct known *k = add_known(r, text, len, key);
    text_puts(&out, scheme);
    if (k != NULL) {
        put_variable(r, k, &out);
        r->failed = r->failed || !array_push(&r->environment, k);
    }
    json_t *made = recording_text(r, &out);
    text_deinit(&out);
    return made;
}

static json_t *ask_text(struct recording *r, size_t step, const char *key, const json_t *value)
{
    struct text out = TEXT_INIT;
    struct bytes t = BYTES(json_string_value(value), json_string_length(value));
    bool own = false;
    rewrite(r, step, t, key, false, true, &out, &own);
    bool changed = out.len != t.len || (t.len > 0 && text_ok(&out) && memcmp(out.data, t.data, t.len) != 0);
    json_t *made = NULL;
    if (!changed && t.len > 0 && (strcasecmp(key, "authorization") == 0 || strcasecmp(key, "cookie") == 0)) {
        const char *blank = tolower(key[0]) == 'a' ? strchr(json_string_value(value), ' ') : NULL; /* "Bearer ..." */
        size_t scheme = blank != NULL ? (size_t)(blank + 1 - (const char *)t.data) : 0;
        char words[40];
        snprintf(words, sizeof words, "%.*s", (int)(scheme < sizeof words ? scheme : 0), (const char *)t.data);
        made = from_environment(r, (const char *)t.data + strlen(words), t.len - strlen(words), key, words);
    } else if (!changed && t.len > 0 && is_secret_key(key)) {
        made = from_environment(r, (const char *)t.data, t.len, key, "");
    } else {
        made = recording_text(r, &out);
    }
    text_deinit(&out);
    return made;
}

static json_t *ask_number(struct recording *r, size_t step, const char *key, json_t *value)
{
    char digits[32];
    struct text out = TEXT_INIT;
    json_int_t i = json_integer_value(value);
    snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, i);
    struct known *k = map_get(&r->values, digits);
    if (k == NULL || !k->number || k->step >= step || (!recording_key_is_identity(key) && i > -1000 && i < 1000))
        return json_incref(value);
    put_variable(r, k, &out);
    json_t *made = recording_text(r, &out);
    text_deinit(&out);
    return made;
}

/* Depth is bounded by jansson's reader. */
static json_t *ask(struct recording *r, size_t step, const char *key, json_t *value)
{
    const char *member;
    json_t *item, *out = NULL;
    size_t i;
    if (json_is_string(value))
        return ask_text(r, step, key, value);
    if (json_is_integer(value))
        return ask_number(r, step, key, value);
    if (json_is_object(value)) {
        out = json_object();
        json_object_foreach(value, member, item)
        {
            r->failed = json_object_set_new(out, member, ask(r, step, member, item)) != 0 || r->failed;
        }
    } else if (json_is_array(value)) {
        out = json_array();
        json_array_foreach(value, i, item)
        {
            r->failed = json_array_append_new(out, ask(r, step, key, item)) != 0 || r->failed;
        }
    } else {
        out = json_incref(value);
    }
    r->failed = r->failed || out == NULL;
    return out;
}

static void say(struct recording *r, const char *text, size_t len)
{
    static char there;
    if (len > 0 && len <= VALUE_MAX && !map_put_n(&r->said, text, len, &there))
        r->failed = true;
}

static void note_text(struct recording *r, const char *text)
{
    say(r, text, strlen(text));
    for (const char *p = text; *p != '\0';) {
        size_t len = strcspn(p, " /?&=,;:\"");
        say(r, p, len);
        p += len + (p[len] != '\0');
    }
}

static void note_said(struct recording *r, const json_t *value)
{
    const char *member;
    char digits[32];
    json_t *item, *walked;
    size_t i;
    memcpy(&walked, &value, sizeof walked); /* jansson's iterators take what may be changed */
    if (json_is_object(value)) {
        json_object_foreach(walked, member, item)
        {
            note_said(r, item);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(walked, i, item)
        {
            note_said(r, item);
        }
    } else if (json_is_string(value)) {
        note_text(r, json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        note_text(r, digits);
    }
}

bool recording_was_said(const struct recording *r, const char *text)
{
    return map_get(&r->said, text) != NULL;
}

/* Names and values behind the question mark that nobody else may know. */
static void hide_query(struct recording *r, struct text *path)
{
    const char *query = strchr(text_string(path), '?');
    struct text out = TEXT_INIT;
    if (query == NULL)
        return;
    text_add(&out, text_string(path), (size_t)(query - text_string(path)) + 1);
    for (const char *p = query + 1; *p != '\0';) {
        size_t len = strcspn(p, "&"), name = strcspn(p, "=&");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)(name < sizeof key ? name : sizeof key - 1), p);
        if (name + 1 < len && is_secret_key(key) && memchr(p, '$', len) == NULL) {
            json_t *hidden = from_environment(r, p + name + 1, len - name - 1, key, "");
            text_printf(&out, "%.*s=%s", (int)name, p, hidden != NULL ? json_string_value(hidden) : "");
            json_decref(hidden);
        } else {
            text_add(&out, p, len);
        }
        p += len;
        if (*p == '&')
            text_char(&out, *p++);
    }
    out.failed = out.failed || path->failed;
    text_deinit(path);
    *path = out;
}

static void ask_path(struct recording *r, size_t step, struct recorded *c)
{
    struct text out = TEXT_INIT;
    bool own = false;
    note_text(r, c->path);
    rewrite(r, step, bytes_of(c->path), "", true, true, &out, &own);
    hide_query(r, &out);
    c->path = text_ok(&out) ? arena_string(&r->arena, text_string(&out)) : NULL;
    r->failed = r->failed || c->path == NULL;
    text_deinit(&out);
}

static void ask_all(struct recording *r, size_t step, struct recorded *c)
{
    json_t **parts[] = {&c->headers, &c->body};
    if (c->call == NULL)
        ask_path(r, step, c);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        json_t *was = *parts[i];
        if (was == NULL)
            continue;
        note_said(r, was);
        *parts[i] = ask(r, step, c->as != NULL ? c->as : "", was);
        json_decref(was);
    }
}

/* ---- answers ---- */

static bool is_candidate(const char *key, const char *text, bool number)
{
    size_t len = strlen(text);
    bool digit = false;
    if (len == 0 || len > VALUE_MAX)
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        digit = digit || isdigit((unsigned char)*p);
        if (!isgraph((unsigned char)*p))
            return false;
    }
    return recording_key_is_identity(key) || (number ? len >= 4 : (digit && len >= 8) || len >= 20);
}

static void give(struct recording *r, size_t step, const char *path, const char *parent, const char *key,
                 const char *text, bool number)
{
    if (!is_candidate(key, text, number) || map_get(&r->values, text) != NULL || recording_was_said(r, text))
        return;
    struct known *k = add_known(r, text, strlen(text), key_within(r, parent, key));
    if (k == NULL)
        return;
    k->step = step;
    k->number = number;
    k->path = arena_string(&r->arena, path);
    r->failed = r->failed || k->path == NULL;
}

static void give_all(struct recording *r, size_t step, struct text *path, const char *parent, const char *key,
                     const json_t *value)
{
    const char *member;
    json_t *item, *walked;
    size_t i, len = path->len;
    char digits[32];
    memcpy(&walked, &value, sizeof walked);
    if (json_is_object(value)) {
        json_object_foreach(walked, member, item)
        {
            bool plain = member[0] != '\0' && !isdigit((unsigned char)member[0]);
            for (const char *p = member; *p != '\0'; p++)
                plain = plain && (isalnum((unsigned char)*p) || *p == '_');
            if (plain || strpbrk(member, "\"\\") == NULL)
                text_printf(path, plain ? ".%s" : "[\"%s\"]", member);
            else
                continue; /* no path says it */
            give_all(r, step, path, key, member, item);
            text_truncate(path, len);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(walked, i, item)
        {
            text_printf(path, "[%zu]", i);
            give_all(r, step, path, parent, key, item);
            text_truncate(path, len);
        }
    } else if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)) {
        give(r, step, text_string(path), parent, key, json_string_value(value), false);
    } else if (json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        give(r, step, text_string(path), parent, key, digits, true);
    }
}

/* "/notes/42": the last part is what other requests name. */
static void give_location(struct recording *r, size_t step, const json_t *headers)
{
    const char *location = json_string_value(json_object_get(headers, "location"));
    const char *slash = location != NULL ? strrchr(location, '/') : NULL;
    if (slash == NULL || slash[1] == '\0' || strpbrk(slash, "?#") != NULL)
        return;
    give(r, step, "$.headers.location", "", "location_id", slash + 1, false);
    struct known *k = map_get(&r->values, slash + 1);
    if (k != NULL && k->step == step && k->path != NULL && strcmp(k->path, "$.headers.location") == 0)
        k->regex = "([^/]+)$";
}

static void give_answer(struct recording *r, size_t step, const json_t *answer)
{
    static const char *const members[] = {"body", "messages"};
    struct text path = TEXT_INIT;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        text_truncate(&path, 0); /* a failure stays */
        text_printf(&path, "$.%s", members[i]);
        const json_t *value = json_object_get(answer, members[i]);
        if (value != NULL)
            give_all(r, step, &path, "", "", value);
    }
    give_location(r, step, json_object_get(answer, "headers"));
    r->failed = r->failed || !text_ok(&path);
    text_deinit(&path);
}

void recording_find(struct recording *r)
{
    for (size_t i = 0; i < r->calls.count && !r->failed; i++) {
        struct recorded *c = &r->calls.items[i].call;
        ask_all(r, i, c);
        if (c->answer != NULL)
            give_answer(r, i, c->answer);
    }
}
