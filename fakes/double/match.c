/* Whether a message is what a term wants: paths through protobuf-c's messages, by their descriptors. */
#include "fakes/double/pack.h"
#include "fakes/verify.h"

#include <inttypes.h>
#include <regex.h>
#include <string.h>

#define SHOWN_MAX 60 /* bytes of a value in a text */

/* A value a path leads to. */
struct spot {
    const ProtobufCFieldDescriptor *field; /* NULL: the message itself */
    const void *value;                     /* of one element when `element` */
    const ProtobufCMessage *owner;         /* that holds the field */
    bool element;
};

struct walk {
    const struct fake_term *term;
    enum fake_fit fit;
    struct text *instead;
    bool said;
};

/* ---- reading a value -------------------------------------------------------------------------------------------- */

static bool read_text(const struct spot *s, struct bytes *out)
{
    if (s->field == NULL)
        return false;
    if (s->field->type == PROTOBUF_C_TYPE_STRING) {
        const char *string = *(char *const *)s->value;
        *out = bytes_of(string != NULL ? string : "");
        return true;
    }
    if (s->field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *data = s->value;
        *out = BYTES(data->data, data->len);
        return true;
    }
    if (s->field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumValue *v =
            protobuf_c_enum_descriptor_get_value(s->field->descriptor, *(const int32_t *)s->value);
        *out = bytes_of(v != NULL ? v->name : "");
        return v != NULL;
    }
    return false;
}

static bool read_int(const struct spot *s, int64_t *out)
{
    if (s->field == NULL)
        return false;
    switch (s->field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        *out = *(const int32_t *)s->value;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        *out = *(const uint32_t *)s->value;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        *out = *(const int64_t *)s->value;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        *out = *(const uint64_t *)s->value > INT64_MAX ? INT64_MAX : (int64_t) * (const uint64_t *)s->value;
        return true;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return false;
}

static bool read_real(const struct spot *s, double *out)
{
    int64_t whole;
    if (s->field != NULL && s->field->type == PROTOBUF_C_TYPE_DOUBLE)
        *out = *(const double *)s->value;
    else if (s->field != NULL && s->field->type == PROTOBUF_C_TYPE_FLOAT)
        *out = (double)*(const float *)s->value;
    else if (read_int(s, &whole))
        *out = (double)whole;
    else
        return false;
    return true;
}

static size_t count_of(const struct spot *s)
{
    return *(const size_t *)(const void *)((const uint8_t *)s->owner + s->field->quantifier_offset);
}

static bool is_list(const struct spot *s)
{
    return s->field != NULL && s->field->label == PROTOBUF_C_LABEL_REPEATED && !s->element;
}

static bool is_present(const struct spot *s)
{
    if (s->field == NULL || s->element)
        return true;
    const uint8_t *owner = (const uint8_t *)s->owner;
    if (is_list(s))
        return count_of(s) > 0;
    if ((s->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)(const void *)(owner + s->field->quantifier_offset) == s->field->id;
    if (s->field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(ProtobufCMessage *const *)s->value != NULL;
    bool optional = s->field->label == PROTOBUF_C_LABEL_OPTIONAL;
    struct bytes text;
    double real = 0;
    if (s->field->type == PROTOBUF_C_TYPE_STRING) {
        const char *string = *(char *const *)s->value;
        return string != NULL && (optional ? string != s->field->default_value : *string != '\0');
    }
    if (optional)
        return *(const protobuf_c_boolean *)(const void *)(owner + s->field->quantifier_offset) != 0;
    if (s->field->type == PROTOBUF_C_TYPE_BYTES)
        return read_text(s, &text) && text.len > 0;
    return read_real(s, &real) && (real < 0 || real > 0);
}

static void show(const struct spot *s, struct text *out)
{
    struct bytes text;
    int64_t whole;
    double real;
    if (is_list(s)) {
        text_printf(out, "a list of %zu", count_of(s));
    } else if (s->field == NULL || s->field->type == PROTOBUF_C_TYPE_MESSAGE) {
        text_puts(out, is_present(s) ? "another message" : "not there");
    } else if (read_text(s, &text)) {
        text_char(out, '"');
        text_printable(out, text.data, text.len, SHOWN_MAX);
        text_char(out, '"');
    } else if (read_int(s, &whole)) {
        text_printf(out, "%" PRId64, whole);
    } else if (read_real(s, &real)) {
        text_printf(out, "%.17g", real);
    }
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

static bool matches(const char *pattern, struct bytes text, bool *bad)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        *bad = true;
        return false;
    }
    struct text copy = TEXT_INIT;
    text_add(&copy, text.data, text.len);
    bool found = text_ok(&copy) && regexec(&regex, text_string(&copy), 0, NULL, 0) == 0;
    text_deinit(&copy);
    regfree(&regex);
    return found;
}

static bool holds_text(const struct fake_term *t, struct bytes text, bool *bad)
{
    size_t len = strlen(t->text);
    switch ((int)t->kind) {
    case FAKE_TERM_TEXT:
        return bytes_is(text, t->text);
    case FAKE_TERM_PREFIX:
        return len == 0 || (text.len >= len && memcmp(text.data, t->text, len) == 0);
    case FAKE_TERM_SUFFIX:
        return len == 0 || (text.len >= len && memcmp(text.data + text.len - len, t->text, len) == 0);
    case FAKE_TERM_CONTAINS:
        return len == 0 || (text.len > 0 && memmem(text.data, text.len, t->text, len) != NULL);
    default:
        return matches(t->text, text, bad);
    }
}

static bool holds(const struct fake_term *t, const struct spot *s, bool *bad)
{
    struct bytes text;
    int64_t whole;
    double real;
    switch (t->kind) {
    case FAKE_TERM_TEXT:
    case FAKE_TERM_PREFIX:
    case FAKE_TERM_SUFFIX:
    case FAKE_TERM_CONTAINS:
    case FAKE_TERM_REGEX:
        return !is_list(s) && read_text(s, &text) && holds_text(t, text, bad);
    case FAKE_TERM_INT:
        return !is_list(s) && read_int(s, &whole) && whole == t->min;
    case FAKE_TERM_ABOVE:
        if (!is_list(s) && read_int(s, &whole))
            return whole > t->min;
        return !is_list(s) && read_real(s, &real) && real > (double)t->min;
    case FAKE_TERM_BELOW:
        if (!is_list(s) && read_int(s, &whole))
            return whole < t->min;
        return !is_list(s) && read_real(s, &real) && real < (double)t->min;
    case FAKE_TERM_REAL:
        if (is_list(s) || !read_real(s, &real))
            return false;
        return real >= t->real - t->tolerance && real <= t->real + t->tolerance;
    case FAKE_TERM_PRESENT:
        return is_present(s);
    case FAKE_TERM_COUNT:
        return is_list(s) && (uint64_t)t->min == count_of(s);
    case FAKE_TERM_EQUALS: {
        if (is_list(s) || (s->field != NULL && s->field->type != PROTOBUF_C_TYPE_MESSAGE))
            return false;
        const ProtobufCMessage *m = s->field != NULL ? *(ProtobufCMessage *const *)s->value : s->owner;
        return m != NULL && strcmp(m->descriptor->name, t->message->descriptor->name) == 0 && pb_equal(m, t->message);
    }
    case FAKE_TERM_WHERE:
        return t->where(t->arg, s->owner);
    case FAKE_TERM_END:
    case FAKE_TERM_TIMES:
        break;
    }
    return true;
}

/* A value was reached. True: look no further. */
static bool reached(struct walk *w, const struct spot *s)
{
    bool bad = false;
    if (holds(w->term, s, &bad)) {
        w->fit = FAKE_FITS;
        return true;
    }
    if (bad) {
        text_puts(w->instead, "the regular expression is malformed");
        w->fit = FAKE_NO_FIELD;
        return true;
    }
    if (!w->said) {
        if (w->term->kind == FAKE_TERM_WHERE)
            text_puts(w->instead, "it says no");
        else
            show(s, w->instead);
    }
    w->said = true;
    return false;
}

/* ---- walking ---------------------------------------------------------------------------------------------------- */

static bool walk(struct walk *w, const ProtobufCMessage *m, const char *path);

static bool go_on(struct walk *w, const struct spot *s, const char *rest)
{
    if (*rest == '\0')
        return reached(w, s);
    const ProtobufCMessage *m = s->field->type == PROTOBUF_C_TYPE_MESSAGE ? *(ProtobufCMessage *const *)s->value : NULL;
    if (s->field->type != PROTOBUF_C_TYPE_MESSAGE) {
        text_printf(w->instead, "%s holds no fields", s->field->name);
        w->fit = FAKE_NO_FIELD;
        return true;
    }
    if (m == NULL) {
        if (!w->said)
            text_printf(w->instead, "%s is not there", s->field->name);
        w->said = true;
        return false;
    }
    return walk(w, m, rest + 1);
}

/* An entry of a map is a message of two fields; a map's element by its key is the entry's value. */
static bool is_entry(const ProtobufCFieldDescriptor *d)
{
    if (d->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *e = d->descriptor;
    return e->n_fields == 2 && strcmp(e->fields[0].name, "key") == 0 && strcmp(e->fields[1].name, "value") == 0;
}

static bool key_is(const ProtobufCMessage *entry, const char *key, size_t len)
{
    const ProtobufCFieldDescriptor *d = &entry->descriptor->fields[0];
    struct spot s = {d, (const uint8_t *)entry + d->offset, entry, false};
    struct bytes text;
    struct text number = TEXT_INIT;
    int64_t whole;
    bool same = false;
    if (read_text(&s, &text)) {
        same = text.len == len && memcmp(text.data, key, len) == 0;
    } else if (read_int(&s, &whole)) {
        text_printf(&number, "%" PRId64, whole);
        same = number.len == len && memcmp(text_string(&number), key, len) == 0;
        if (d->type == PROTOBUF_C_TYPE_BOOL)
            same = len == (whole ? 4U : 5U) && memcmp(key, whole ? "true" : "false", len) == 0;
    }
    text_deinit(&number);
    return same;
}

/* "[0]", "[*]" or "[key]" behind a repeated field; `rest` begins with the bracket. */
static bool walk_list(struct walk *w, const struct spot *list, const char *rest)
{
    const char *end = strchr(rest, ']');
    const uint8_t *items = *(const uint8_t *const *)list->value;
    size_t size = pack_size_of(list->field->type), count = count_of(list);
    if (end == NULL) {
        text_printf(w->instead, "\"%s\" has no closing bracket", rest);
        w->fit = FAKE_NO_FIELD;
        return true;
    }
    const char *key = rest + 1;
    size_t len = (size_t)(end - key);
    bool any = len == 1 && *key == '*';
    bool number = len > 0 && len < 10 && strspn(key, "0123456789") >= len;
    size_t index = 0;
    for (size_t i = 0; number && i < len; i++)
        index = index * 10 + (size_t)(key[i] - '0');
    for (size_t i = 0; i < count; i++) {
        struct spot s = {list->field, items + i * size, list->owner, true};
        if (any || (!is_entry(list->field) && number && i == index)) {
            if (go_on(w, &s, end + 1))
                return true;
        } else if (is_entry(list->field) && key_is(*(ProtobufCMessage *const *)s.value, key, len)) {
            const ProtobufCMessage *entry = *(ProtobufCMessage *const *)s.value;
            const ProtobufCFieldDescriptor *d = &entry->descriptor->fields[1];
            struct spot value = {d, (const uint8_t *)entry + d->offset, entry, true};
            return go_on(w, &value, end + 1);
        }
    }
    if (!w->said)
        text_printf(w->instead, "%s has no [%.*s]", list->field->name, (int)len, key);
    w->said = true;
    return false;
}

static bool walk(struct walk *w, const ProtobufCMessage *m, const char *path)
{
    char name[256];
    size_t len = strcspn(path, ".[");
    const ProtobufCFieldDescriptor *d = NULL;
    if (len < sizeof name) {
        memcpy(name, path, len);
        name[len] = '\0';
        d = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
    }
    if (d == NULL) {
        text_printf(w->instead, "%s has no field \"%.*s\"", m->descriptor->name, (int)len, path);
        w->fit = FAKE_NO_FIELD;
        return true;
    }
    struct spot s = {d, (const uint8_t *)m + d->offset, m, false};
    if (path[len] == '[' && d->label == PROTOBUF_C_LABEL_REPEATED)
        return walk_list(w, &s, path + len);
    if (path[len] == '[' || (path[len] == '.' && d->label == PROTOBUF_C_LABEL_REPEATED)) {
        text_printf(w->instead, path[len] == '[' ? "%s is no list" : "%s is a list: say which, %s[*] for any", d->name,
                    d->name);
        w->fit = FAKE_NO_FIELD;
        return true;
    }
    if (path[len] == '.' && (d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && !is_present(&s)) {
        if (!w->said)
            text_printf(w->instead, "%s is not there", d->name);
        w->said = true;
        return false;
    }
    return go_on(w, &s, path + len);
}

enum fake_fit fake_term_fits(const struct fake_term *t, const ProtobufCMessage *m, struct text *instead)
{
    struct text why = TEXT_INIT;
    struct walk w = {.term = t, .fit = FAKE_DIFFERS, .instead = &why};
    if (*t->path == '\0')
        (void)reached(&w, &(struct spot){NULL, m, m, false});
    else
        (void)walk(&w, m, t->path);
    if (t->negated && w.fit != FAKE_NO_FIELD) {
        w.fit = w.fit == FAKE_FITS ? FAKE_DIFFERS : FAKE_FITS;
        text_clear(&why);
        text_puts(&why, "it is");
    }
    if (w.fit != FAKE_FITS)
        text_puts(instead, text_string(&why));
    text_deinit(&why);
    return w.fit;
}

void fake_term_text(const struct fake_term *t, struct text *out)
{
    static const char *const words[] = {
        [FAKE_TERM_TEXT] = "is",
        [FAKE_TERM_PREFIX] = "begins with",
        [FAKE_TERM_SUFFIX] = "ends with",
        [FAKE_TERM_CONTAINS] = "contains",
        [FAKE_TERM_REGEX] = "matches",
        [FAKE_TERM_INT] = "is",
        [FAKE_TERM_ABOVE] = "is above",
        [FAKE_TERM_BELOW] = "is below",
        [FAKE_TERM_REAL] = "is about",
        [FAKE_TERM_PRESENT] = "is there",
        [FAKE_TERM_COUNT] = "has this many:",
        [FAKE_TERM_EQUALS] = "is the message given",
        [FAKE_TERM_WHERE] = "satisfies",
    };
    text_printf(out, "%s%s%s%s", *t->path != '\0' ? t->path : "the request", t->negated ? " not (" : " ",
                words[t->kind],
                t->text != NULL || t->kind == FAKE_TERM_INT || t->kind == FAKE_TERM_ABOVE ||
                        t->kind == FAKE_TERM_BELOW || t->kind == FAKE_TERM_COUNT || t->kind == FAKE_TERM_REAL
                    ? " "
                    : "");
    if (t->kind == FAKE_TERM_WHERE) {
        text_puts(out, t->text);
    } else if (t->text != NULL) {
        text_char(out, '"');
        text_printable(out, t->text, strlen(t->text), SHOWN_MAX);
        text_char(out, '"');
    } else if (t->kind == FAKE_TERM_REAL) {
        text_printf(out, "%.17g", t->real);
    } else if (t->kind == FAKE_TERM_INT || t->kind == FAKE_TERM_ABOVE || t->kind == FAKE_TERM_BELOW ||
               t->kind == FAKE_TERM_COUNT) {
        text_printf(out, "%" PRId64, t->min);
    }
    text_puts(out, t->negated ? ")" : "");
}
