#include "fuzz/gateway/template.h"

#include <string.h>

#define PLACES_MAX  64    /* from which one is drawn */
#define SELF_LEVELS 20000 /* beyond what stacks take; 100 is what most readers do */
#define SELF_SOME   200   /* beyond those, and nothing for who reads JSON without a type in front of them */
#define ANY_LEVELS  5000
#define STEPS_MAX   100000 /* ways through types of many fields are many */

/* ---- fields ---- */

static bool is_wide(enum pb_kind k)
{
    return k == PB_INT64 || k == PB_UINT64 || k == PB_SINT64 || k == PB_FIXED64 || k == PB_SFIXED64;
}

static bool is_narrow(enum pb_kind k)
{
    return k == PB_INT32 || k == PB_UINT32 || k == PB_SINT32 || k == PB_FIXED32 || k == PB_SFIXED32;
}

static const struct pb_field *other_of_oneof(const struct pb_field *f)
{
    for (size_t i = 0; f->oneof >= 0 && i < f->owner->field_count; i++) {
        const struct pb_field *o = &f->owner->fields[i];
        if (o != f && o->oneof == f->oneof && o->kind == PB_STRING)
            return o;
    }
    return NULL;
}

static bool fits(const struct pb_field *f, enum gateway_field wanted)
{
    bool one = !f->repeated && f->oneof < 0, scalar = one && f->kind != PB_MESSAGE;
    switch (wanted) {
    case FIELD_NONE:
        return true;
    case FIELD_STRING:
        return one && f->kind == PB_STRING;
    case FIELD_INT32:
        return one && is_narrow(f->kind);
    case FIELD_INT64:
        return one && is_wide(f->kind);
    case FIELD_WHOLE:
        return one && (is_narrow(f->kind) || is_wide(f->kind));
    case FIELD_UNSIGNED:
        return one && (f->kind == PB_UINT32 || f->kind == PB_UINT64 || f->kind == PB_FIXED32 || f->kind == PB_FIXED64);
    case FIELD_REAL:
        return one && (f->kind == PB_DOUBLE || f->kind == PB_FLOAT);
    case FIELD_BOOL:
        return one && f->kind == PB_BOOL;
    case FIELD_BYTES:
        return one && f->kind == PB_BYTES;
    case FIELD_ENUM:
        return one && f->kind == PB_ENUM && strcmp(f->enumeration->full_name, "google.protobuf.NullValue") != 0;
    case FIELD_MESSAGE:
        return one && f->kind == PB_MESSAGE && f->message->known == PB_ORDINARY;
    case FIELD_LIST:
        return f->repeated && !f->map && f->kind != PB_MESSAGE && f->kind != PB_ENUM;
    case FIELD_MESSAGES:
        return f->repeated && !f->map && f->kind == PB_MESSAGE && f->message->known == PB_ORDINARY;
    case FIELD_MAP:
        return f->map && f->message->fields[0].kind == PB_STRING && f->message->fields[1].kind != PB_MESSAGE &&
               f->message->fields[1].kind != PB_ENUM;
    case FIELD_NUMBER_MAP:
        return f->map && (is_narrow(f->message->fields[0].kind) || is_wide(f->message->fields[0].kind));
    case FIELD_ONEOF:
        return f->oneof >= 0 && f->kind == PB_STRING && other_of_oneof(f) != NULL;
    case FIELD_TIMESTAMP:
        return one && f->kind == PB_MESSAGE && f->message->known == PB_TIMESTAMP;
    case FIELD_DURATION:
        return one && f->kind == PB_MESSAGE && f->message->known == PB_DURATION;
    case FIELD_TWO_NAMES:
        return scalar && strcmp(f->name, f->json_name) != 0;
    case FIELD_SINGLE:
        return scalar;
    case FIELD_VALUE:
        return one && f->kind == PB_MESSAGE && f->message->known == PB_VALUE;
    case FIELD_ANY:
        return one && f->kind == PB_MESSAGE && f->message->known == PB_ANY;
    case FIELD_SELF:
        break;
    }
    return false;
}

/* Of what a field holds, one or many, or as a map's values. NULL: no message that is written member by member. */
static const struct pb_type *held_type(const struct pb_field *f)
{
    const struct pb_field *value = f->map ? &f->message->fields[1] : f;
    return value->kind == PB_MESSAGE && value->message->known == PB_ORDINARY ? value->message : NULL;
}

static bool mentions(const char *json, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = json; (at = strstr(at, name)) != NULL; at++)
        if (at > json && at[-1] == '"' && at[len] == '"')
            return true;
    return false;
}

struct search {
    enum gateway_field wanted;
    const char *json;
    struct gateway_place found[PLACES_MAX];
    size_t count;
    size_t steps; /* fields looked at on the way to a message that contains itself */
};

/* As deep as GATEWAY_DEPTH_MAX. */
static void look(struct search *s, const struct pb_type *type, struct gateway_place at)
{
    for (size_t i = 0; i < type->field_count && s->count < PLACES_MAX; i++) {
        const struct pb_field *f = &type->fields[i];
        struct gateway_place here = at;
        if (mentions(s->json, f->name) || mentions(s->json, f->json_name))
            continue;
        here.fields[here.depth++] = f;
        if (fits(f, s->wanted)) {
            here.other = other_of_oneof(f);
            s->found[s->count++] = here;
        }
        if (here.depth <= GATEWAY_DEPTH_MAX && f->kind == PB_MESSAGE && !f->repeated && f->oneof < 0 &&
            f->message->known == PB_ORDINARY)
            look(s, f->message, here);
    }
}

/* From the message at the end of the cycle so far back to `type`, by `left` more fields. No deeper than those. */
static bool find_cycle(struct search *s, const struct pb_type *type, const struct pb_type *from, size_t left,
                       struct gateway_place *at)
{
    for (size_t i = 0; i < from->field_count && left > 0 && s->steps < STEPS_MAX; i++) {
        const struct pb_type *held = held_type(&from->fields[i]);
        s->steps++;
        if (held == NULL)
            continue;
        at->cycle[at->cycle_length++] = &from->fields[i];
        if (left == 1 ? held == type : find_cycle(s, type, held, left - 1, at))
            return true;
        at->cycle_length--;
    }
    return false;
}

static void look_for_self(struct search *s, const struct pb_type *type, struct gateway_place at)
{
    for (size_t length = 1; length <= GATEWAY_DEPTH_MAX + 1 && s->count < PLACES_MAX; length++)
        if (find_cycle(s, type, type, length, &at)) { /* the shortest */
            s->found[s->count++] = at;
            return;
        }
    for (size_t i = 0; i < type->field_count && at.depth <= GATEWAY_DEPTH_MAX && s->count < PLACES_MAX; i++) {
        const struct pb_type *held = held_type(&type->fields[i]);
        struct gateway_place here = at;
        here.fields[here.depth++] = &type->fields[i];
        if (held != NULL)
            look_for_self(s, held, here);
    }
}

bool gateway_find_place(struct random *r, const struct pb_type *type, enum gateway_field wanted, const char *json,
                        struct gateway_place *out)
{
    struct search s = {.wanted = wanted, .json = json};
    *out = (struct gateway_place){.depth = 0};
    if (wanted == FIELD_NONE)
        return true;
    if (wanted == FIELD_SELF)
        look_for_self(&s, type, *out);
    else
        look(&s, type, *out);
    if (s.count == 0)
        return false;
    *out = s.found[random_below(r, s.count)];
    return true;
}

/* ---- templates ---- */

static void repeat(struct text *out, const char *piece, size_t times)
{
    size_t len = strlen(piece);
    if (!text_reserve(out, len * times))
        return;
    for (size_t i = 0; i < times; i++)
        text_add(out, piece, len);
}

/* "{ a }" without its braces and the blanks at its ends. */
static struct bytes members(const char *json)
{
    const char *from = strchr(json, '{'), *to = strrchr(json, '}');
    if (from == NULL || to == NULL || to <= from)
        return BYTES("", 0);
    for (from++; from < to && (*from == ' ' || *from == '\n'); from++)
        ;
    while (to > from && (to[-1] == ' ' || to[-1] == '\n'))
        to--;
    return BYTES(from, (size_t)(to - from));
}

static void open_message(const struct pb_field *f, struct text *out)
{
    enum pb_kind key = f->map ? f->message->fields[0].kind : PB_STRING;
    text_printf(out, "\"%s\":", f->json_name);
    if (f->map)
        text_printf(out, "{\"%s\":{", key == PB_BOOL ? "true" : key == PB_STRING ? "k" : "1");
    else
        text_puts(out, f->repeated ? "[{" : "{");
}

static void put_messages(const struct pb_field *const *fields, size_t count, bool open, struct text *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct pb_field *f = open ? fields[i] : fields[count - 1 - i];
        if (open)
            open_message(f, out);
        else
            text_puts(out, f->map ? "}}" : f->repeated ? "}]" : "}");
    }
}

/* The path and the cycle again and again. */
static void put_self(const struct gateway_place *p, size_t levels, bool open, struct text *out)
{
    struct text round = TEXT_INIT;
    put_messages(p->cycle, p->cycle_length, open, &round);
    if (open)
        put_messages(p->fields, p->depth, true, out);
    repeat(out, text_string(&round), levels);
    if (!open)
        put_messages(p->fields, p->depth, false, out);
    out->failed = out->failed || round.failed;
    text_deinit(&round);
}

static void put_one(char what, const struct gateway_base *base, const struct gateway_place *p, struct text *out,
                    bool *cut)
{
    const struct pb_field *f = p->depth > 0 ? p->fields[p->depth - 1] : NULL;
    struct bytes inside = members(base->json);
    size_t len = strlen(base->json);
    switch (what) {
    case 'B':
        text_add(out, inside.data, inside.len);
        break;
    case ',':
        if (inside.len > 0)
            text_char(out, ',');
        break;
    case 'J':
        text_puts(out, base->json);
        break;
    case 'L':
        text_printf(out, "%zu", len);
        break;
    case 'x':
        text_printf(out, "%zx", len);
        break;
    case 'l':
        text_printf(out, "%zu", len / 2);
        break;
    case 'm':
        text_printf(out, "%zu", len + 100);
        break;
    case '[':
    case ']':
        put_messages(p->fields, p->depth > 0 ? p->depth - 1 : 0, what == '[', out);
        break;
    case '<':
    case '>':
        put_self(p, SELF_LEVELS, what == '<', out);
        break;
    case '1':
    case '2':
        put_self(p, SELF_SOME, what == '1', out);
        break;
    case 'N':
        text_puts(out, f != NULL ? f->json_name : "");
        break;
    case 'O':
        text_puts(out, f != NULL ? f->name : "");
        break;
    case 'U':
        text_puts(out, p->other != NULL ? p->other->json_name : "");
        break;
    case 'P':
        text_puts(out, base->path);
        break;
    case 'H':
        text_puts(out, base->host);
        break;
    case 'A':
        if (base->authorization != NULL)
            text_printf(out, "Authorization: %s\r\n", base->authorization);
        break;
    case '0':
        text_char(out, '\0');
        break;
    case 'a':
        repeat(out, "a", 70000);
        break;
    case 'h':
        repeat(out, "X-Many: 1\r\n", 200);
        break;
    case 'd':
        repeat(out, "a.", 100);
        break;
    case '(':
        repeat(out, "[", 10000);
        break;
    case ')':
        repeat(out, "]", 10000);
        break;
    case '{':
        repeat(out, "{\"@type\":\"type.googleapis.com/google.protobuf.Any\",\"value\":", ANY_LEVELS);
        break;
    case '}':
        repeat(out, "}", ANY_LEVELS);
        break;
    case 'c':
        repeat(out, "0,", 100000);
        break;
    case 'f':
        repeat(out, "a=1&", 1500);
        break;
    case 'p':
        repeat(out, "x/", 20000);
        break;
    case 'w':
        repeat(out, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", 1500);
        break;
    case '!':
        *cut = true;
        break;
    default:
        text_char(out, what);
    }
}

/* The length of what stands behind the head, put in at `at`. */
static void put_length(struct text *out, size_t at)
{
    struct text rest = TEXT_INIT;
    if (!text_ok(out))
        return;
    const char *end = memmem(out->data + at, out->len - at, "\r\n\r\n", 4);
    size_t len = end != NULL ? out->len - (size_t)(end + 4 - out->data) : 0;
    text_add(&rest, out->data + at, out->len - at);
    text_truncate(out, at);
    text_printf(out, "%zu", len);
    text_add(out, text_string(&rest), rest.len);
    out->failed = out->failed || rest.failed;
    text_deinit(&rest);
}

void gateway_expand(const char *template, const struct gateway_base *base, const struct gateway_place *place,
                    struct text *out, bool *cut)
{
    size_t length_at = SIZE_MAX;
    for (const char *t = template; *t != '\0'; t++) {
        if (*t == '$' && t[1] == '=') {
            length_at = out->len;
            t++;
        } else if (*t == '$' && t[1] != '\0') {
            put_one(*++t, base, place, out, cut);
        } else {
            text_char(out, *t);
        }
    }
    if (length_at != SIZE_MAX)
        put_length(out, length_at);
}
