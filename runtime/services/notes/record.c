#include "runtime/services/notes/notes.h"

#include "base/text.h"

#include <jansson.h>
#include <string.h>

/* ':' separates tenant and id, so it is written %3A inside them; no two pairs share a key. */
static void escape(struct text *out, const char *part)
{
    for (const char *p = part; *p; p++) {
        if (*p == ':' || *p == '%')
            text_printf(out, "%%%02X", (unsigned)(uint8_t)*p);
        else
            text_char(out, *p);
    }
}

static char *keep(struct rpc_call *call, struct text *t)
{
    char *copy = text_ok(t) ? arena_string_n(rpc_call_arena(call), text_string(t), t->len) : NULL;
    text_deinit(t);
    return copy;
}

char *notes_tenant(struct rpc_call *call)
{
    const struct micro_account *a = micro_caller(call);
    return a ? arena_printf(rpc_call_arena(call), "%s/%s", a->issuer, a->id)
             : arena_string(rpc_call_arena(call), "default");
}

char *notes_key(struct rpc_call *call, const char *tenant, const char *id)
{
    struct text key = TEXT_INIT;
    escape(&key, tenant);
    text_char(&key, ':');
    escape(&key, id);
    return keep(call, &key);
}

char *notes_encode(struct rpc_call *call, const Notes__Note *note)
{
    const char *const members[][2] = {{"id", note->id},
                                      {"created", note->created},
                                      {"updated", note->updated},
                                      {"title", note->title},
                                      {"text", note->text}};
    struct text json = TEXT_INIT;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        text_printf(&json, "%c\"%s\":\"", i ? ',' : '{', members[i][0]);
        text_json(&json, members[i][1], strlen(members[i][1]));
        text_char(&json, '"');
    }
    text_char(&json, '}');
    return keep(call, &json);
}

Notes__Note *notes_decode(struct rpc_call *call, const Store__Record *record)
{
    struct arena *a = rpc_call_arena(call);
    Notes__Note *note = ARENA_NEW(a, Notes__Note);
    json_t *root = record->value.len ? json_loadb((const char *)record->value.data, record->value.len, 0, NULL) : NULL;
    if (!note || !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    notes__note__init(note);
    const struct {
        const char *name;
        char **at;
    } members[] = {{"id", &note->id},
                   {"created", &note->created},
                   {"updated", &note->updated},
                   {"title", &note->title},
                   {"text", &note->text}};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof members / sizeof members[0]; i++) {
        const char *value = json_string_value(json_object_get(root, members[i].name));
        *members[i].at = arena_string(a, value ? value : "");
        ok = *members[i].at != NULL;
    }
    json_decref(root);
    return ok && note->id[0] ? note : NULL;
}
