/* What a call gives to gripmock's templates, in our words: see gripmock_go.h. */
#include "fakes/stub/gripmock_go.h"

#include <stdio.h>
#include <string.h>

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
        if (!go_is_word(name, len, methods[i][0]))
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
        if (go_is_word(at, len, roots[i].go))
            return &roots[i];
    return NULL;
}

void go_put_path(struct go_reader *r, struct text *out)
{
    while (r->at + 1 < r->end && *r->at == '.' && go_is_name(r->at[1])) {
        text_char(out, *r->at++);
        size_t len = go_name_length(r);
        text_add(out, r->at, len);
        r->at += len;
    }
}

bool go_put_methods(struct go_reader *r, struct text *value)
{
    struct text closing = TEXT_INIT;
    bool ok = true;
    while (ok && r->at + 1 < r->end && *r->at == '.' && go_is_name(r->at[1])) {
        r->at++;
        size_t len = go_name_length(r);
        ok = method(r, r->at, len, value, &closing);
        r->at += len;
        if (!ok || closing.len == 0)
            continue;
        go_skip(r);
        if (r->at < r->end && (*r->at == '"' || *r->at == '`')) {
            struct text layout = TEXT_INIT;
            ok = go_quoted(r, &layout);
            go_put_quoted(value, text_string(&layout), layout.len);
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

bool go_root(struct go_reader *r, struct text *out, enum go_nature *nature)
{
    size_t len = go_name_length(r);
    const struct root *root = root_of(r->at, len);
    *nature = COMPUTED;
    if (r->place->fixed)
        return go_fail(r, "a matcher does not look at the call: its templates are made when the file is read");
    if (root == NULL)
        return go_fail(r, "gripmock's templates have no such name: .Request, .Requests, .Headers, .MessageIndex, "
                          ".RequestTime, .AttemptNumber, .MaxAttempts, .StubID and .State there are");
    bool state = go_is_word("State", 5, root->go);
    r->at += len;
    if (root->time) {
        text_puts(out, root->ours);
        return go_put_methods(r, out);
    }
    if (go_is_word(root->go, strlen(root->go), "MessageIndex")) {
        if (r->place->index >= 0)
            text_printf(out, "%d", r->place->index);
        else
            text_puts(out, "(messages.count - 1)");
        return true;
    }
    if (state) { /* gripmock keeps nothing there */
        go_put_path(r, out);
        go_wipe(r, out);
        text_puts(out, GO_NOTHING);
        return true;
    }
    if (go_is_word(root->go, strlen(root->go), "Headers")) {
        /* Of a header's name a path is all that is left. */
        struct text path = TEXT_INIT;
        go_put_path(r, &path);
        if (path.len == 0) {
            go_drop(r, &path);
            return go_fail(r, "of the headers one by its name is needed: .Headers.x, or index .Headers \"x-y\"");
        }
        text_printf(out, "default(metadata%s, " GO_NOTHING ")", text_string(&path));
        go_drop(r, &path);
        return true;
    }
    struct text path = TEXT_INIT;
    size_t taken = 0;
    go_put_path(r, &path);
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
