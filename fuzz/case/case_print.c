#include "fuzz/case/path.h"
#include "fuzz/case/script.h"
#include "rpc/target.h"

#define TEXT_SHARE 8 /* one byte in so many may need an escape for bytes to be shown as text */

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7F;
}

static bool is_mostly_text(struct bytes b)
{
    size_t odd = 0;
    for (size_t i = 0; i < b.len; i++)
        odd += !is_plain(b.data[i]) && b.data[i] != '\n' && b.data[i] != '\r' && b.data[i] != '\t';
    return odd <= b.len / TEXT_SHARE;
}

static void put_hex(struct text *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const char pair[2] = {digits[byte >> 4], digits[byte & 15]};
    text_add(out, pair, 2);
}

static void put_character(struct text *out, uint8_t c)
{
    static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
    const char *special = c ? strchr(from, c) : NULL;
    if (special) {
        text_char(out, '\\');
        text_char(out, to[special - from]);
    } else if (is_plain(c)) {
        text_char(out, (char)c);
    } else {
        text_puts(out, "\\x");
        put_hex(out, c);
    }
}

static void put_as_hex(struct text *out, struct bytes b)
{
    text_puts(out, "x\"");
    for (size_t i = 0; i < b.len; i++)
        put_hex(out, b.data[i]);
    text_char(out, '"');
}

static void put_bytes(struct text *out, struct bytes b)
{
    if (!is_mostly_text(b)) {
        put_as_hex(out, b);
        return;
    }
    text_char(out, '"');
    for (size_t i = 0; i < b.len; i++)
        put_character(out, b.data[i]);
    text_char(out, '"');
}

/* As a word when it can be taken for nothing else. */
static void put_name(struct text *out, struct bytes b)
{
    bool word = b.len > 0 && b.data[0] != '#' && b.data[0] != '-';
    for (size_t i = 0; i < b.len && word; i++)
        word = (b.data[i] >= 'a' && b.data[i] <= 'z') || (b.data[i] >= 'A' && b.data[i] <= 'Z') ||
               (b.data[i] >= '0' && b.data[i] <= '9') || (b.data[i] && strchr("_./:-", b.data[i]));
    if (word)
        text_add(out, b.data, b.len);
    else
        put_bytes(out, b);
}

static void put_duration(struct text *out, uint64_t ns)
{
    static const struct {
        uint64_t ns;
        const char *unit;
    } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t i = 0;
    while (ns % units[i].ns != 0)
        i++;
    text_printf(out, "%llu%s", (unsigned long long)(ns / units[i].ns), units[i].unit);
}

/* A path that comes back as the same bytes; otherwise the bytes. */
static void put_path(struct text *out, struct bytes encoded, const struct pb_type *type)
{
    struct fuzz_path path, again;
    uint8_t bytes[FUZZ_PATH_BYTES_MAX];
    const char *expected;
    size_t start = out->len, at;
    if (fuzz_path_read(encoded, &path)) {
        fuzz_path_print(&path, type, out);
        struct bytes text = BYTES(text_string(out) + start, out->len - start);
        if (text_ok(out) && fuzz_path_parse(text, type, &again, &at, &expected) == 0 &&
            bytes_equal(encoded, BYTES(bytes, fuzz_path_write(&again, bytes))))
            return;
        text_truncate(out, start);
    }
    put_as_hex(out, encoded);
}

struct printer {
    const struct fuzz_case *c;
    const struct pb_pool *pool;
    struct text *out;
    struct text json, wire; /* scratch */
    struct text comment;    /* behind the line */
};

/* JSON where it says all there is to say of the bytes, else hex and the JSON, or what is wrong, as a comment. */
static void put_message(struct printer *p, size_t at, const struct fuzz_event *e)
{
    struct bytes value = fuzz_case_bytes(p->c, e->value);
    const struct pb_method *m = script_method(p->c, at, e->call, p->pool);
    struct error err = ERROR_INIT;
    if (!m) {
        put_bytes(p->out, value);
        return;
    }
    text_clear(&p->json);
    text_clear(&p->wire);
    int rc = pb_wire_to_json(m->input, value, PB_JSON_PROTO_NAMES, &p->json, &err);
    bool object = rc == 0 && text_ok(&p->json) && *text_string(&p->json) == '{';
    if (object && pb_json_to_wire(m->input, text_bytes(&p->json), 0, &p->wire, NULL) == 0 &&
        bytes_equal(text_bytes(&p->wire), value)) {
        text_add(p->out, p->json.data, p->json.len);
    } else {
        put_as_hex(p->out, value);
        if (rc == 0)
            text_add(&p->comment, text_string(&p->json), p->json.len);
        else if (err.message)
            text_printable(&p->comment, err.message, strlen(err.message), SIZE_MAX);
    }
    if (rc == ERROR_MEMORY || p->json.failed || p->wire.failed)
        p->out->failed = true;
    error_clear(&err);
}

static void put_number(struct printer *p, const struct fuzz_event *e, const char *const *words, size_t count)
{
    if (e->number < count)
        text_puts(p->out, words[e->number]);
    else
        text_printf(p->out, "%llu", (unsigned long long)e->number);
}

static void put_frame(struct printer *p, const struct fuzz_event *e)
{
    uint64_t type = e->number >> 8;
    if (type < script_frame_count)
        text_printf(p->out, "%s:0x%x", script_frames[type], (unsigned)(e->number & 0xFF));
    else
        text_printf(p->out, "0x%llx", (unsigned long long)e->number);
}

/* The message that gets what the link brings: the next one. */
static const struct pb_type *link_type(const struct printer *p, size_t at)
{
    for (size_t i = at + 1; i < p->c->events.count; i++)
        if (p->c->events.items[i].kind == EVENT_MESSAGE) {
            const struct pb_method *m = script_method(p->c, i, p->c->events.items[i].call, p->pool);
            return m ? m->input : NULL;
        }
    return NULL;
}

static void put_slot(struct printer *p, size_t at, enum script_slot slot)
{
    static const char *const doors[] = {"grpc", "http"};
    const struct fuzz_event *e = &p->c->events.items[at];
    struct bytes name = fuzz_case_bytes(p->c, e->name), value = fuzz_case_bytes(p->c, e->value);
    const struct pb_method *source;
    switch (slot) {
    case SLOT_NAME:
        put_name(p->out, name);
        break;
    case SLOT_CALL:
        text_printf(p->out, "%u", e->call);
        break;
    case SLOT_NUMBER:
    case SLOT_MAYBE:
        text_printf(p->out, "%llu", (unsigned long long)e->number);
        break;
    case SLOT_HEX:
        text_printf(p->out, "0x%llx", (unsigned long long)e->number);
        break;
    case SLOT_TIME:
        put_duration(p->out, e->number);
        break;
    case SLOT_DOOR:
        put_number(p, e, doors, 2);
        break;
    case SLOT_ACTION:
        if (e->number < TARGET_ACTION_COUNT)
            text_puts(p->out, target_action_name((enum target_action)e->number));
        else
            put_number(p, e, NULL, 0);
        break;
    case SLOT_FRAME:
        put_frame(p, e);
        break;
    case SLOT_REPLY:
        text_printf(p->out, "%u.%llu", e->call, (unsigned long long)e->number);
        break;
    case SLOT_FROM:
        source = script_method(p->c, at, e->call, p->pool);
        put_path(p->out, name, source ? source->output : NULL);
        break;
    case SLOT_TO:
        text_puts(p->out, "-> ");
        if (e->flags & EVENT_LINK_METADATA)
            put_bytes(p->out, value);
        else
            put_path(p->out, value, link_type(p, at));
        break;
    case SLOT_KIND:
        text_printf(p->out, "%u", e->kind);
        break;
    case SLOT_VALUE:
        put_bytes(p->out, value);
        break;
    case SLOT_MESSAGE:
        put_message(p, at, e);
        break;
    case SLOT_NONE:
        break;
    }
}

/* What the kind's own parts leave unsaid. */
static void put_extras(struct printer *p, const struct fuzz_event *e, const struct script_kind *kind)
{
    bool name = false, call = false, number = false, value = false;
    uint16_t flags = e->flags;
    for (size_t i = 0; i < SCRIPT_SLOTS; i++) {
        enum script_slot s = kind->slots[i];
        name |= s == SLOT_NAME || s == SLOT_FROM;
        call |= s == SLOT_CALL || s == SLOT_REPLY;
        value |= s == SLOT_VALUE || s == SLOT_MESSAGE || s == SLOT_TO;
        number |= s == SLOT_NUMBER || s == SLOT_HEX || s == SLOT_MAYBE || s == SLOT_TIME || s == SLOT_DOOR ||
                  s == SLOT_ACTION || s == SLOT_FRAME || s == SLOT_REPLY;
    }
    if (e->lane != LANE_VALID && e->lane < LANE_COUNT)
        text_printf(p->out, " %s", fuzz_lane_name((enum fuzz_lane)e->lane));
    bool words =
        e->kind == EVENT_CALL || e->kind == EVENT_MESSAGE || e->kind == EVENT_HALF_CLOSE || e->kind == EVENT_LINK;
    for (size_t i = 0; words && i < script_flag_count; i++)
        if (flags & script_flags[i].bit) {
            text_printf(p->out, " %s", script_flags[i].word);
            flags = (uint16_t)(flags & ~script_flags[i].bit);
        }
    if (flags)
        text_printf(p->out, " flags=0x%x", flags);
    if (!call && e->call)
        text_printf(p->out, " call=%u", e->call);
    if (!number && e->number) {
        text_printf(p->out, " %s=", kind->number_key);
        if (e->kind == EVENT_CALL)
            put_duration(p->out, e->number);
        else
            text_printf(p->out, "%llu", (unsigned long long)e->number);
    }
    if (!name && e->name.len > 0) {
        text_printf(p->out, " %s=", kind->name_key);
        put_name(p->out, fuzz_case_bytes(p->c, e->name));
    }
    if (!value && e->value.len > 0) {
        text_puts(p->out, " value=");
        put_bytes(p->out, fuzz_case_bytes(p->c, e->value));
    }
}

static void put_event(struct printer *p, size_t at)
{
    const struct fuzz_event *e = &p->c->events.items[at];
    const struct script_kind *kind = script_kind_of(e->kind);
    const char *word = fuzz_event_kind_name(e->kind);
    bool extras = false;
    text_puts(p->out, word ? word : "event");
    for (size_t i = 0; i < SCRIPT_SLOTS && kind->slots[i] != SLOT_NONE; i++) {
        if (kind->slots[i] == SLOT_MAYBE && e->number == 0)
            continue;
        if (!extras && (kind->slots[i] == SLOT_VALUE || kind->slots[i] == SLOT_MESSAGE)) {
            put_extras(p, e, kind);
            extras = true;
        }
        text_char(p->out, ' ');
        put_slot(p, at, kind->slots[i]);
    }
    if (!extras)
        put_extras(p, e, kind);
    if (p->comment.len > 0)
        text_printf(p->out, " # %s", text_string(&p->comment));
    text_clear(&p->comment);
    text_char(p->out, '\n');
}

int fuzz_case_print(const struct fuzz_case *c, const struct pb_pool *pool, struct text *out)
{
    struct printer p = {.c = c, .pool = pool, .out = out};
    for (size_t i = 0; i < c->events.count && text_ok(out); i++)
        put_event(&p, i);
    bool done = text_ok(out) && !p.comment.failed;
    text_deinit(&p.json);
    text_deinit(&p.wire);
    text_deinit(&p.comment);
    return done ? 0 : ERROR_MEMORY;
}
