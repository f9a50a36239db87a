/* Strings that are not UTF-8, each in its own way (RFC 3629), or hold a NUL. The bad piece stands somewhere in the text
 * that is there. */
#include "fuzz/message/defect_internal.h"

#define TEXT_MAX 200 /* bytes kept of the text that was there, on either side */

static bool is_string(const struct pb_field *f)
{
    return f->kind == PB_STRING;
}

/* Which texts may stand at the end only: those that what follows could complete never do here, for the text that
 * follows begins with a code point of its own. */
static bool put_bad(struct mutate_work *w, struct bytes bad)
{
    struct defect_place p;
    if (!defect_place(w, is_string, &p))
        return false;
    const struct wire_node *nodes = w->tree.nodes;
    struct bytes old = bytes_of("ab");
    for (uint32_t i = p.message + 1; i < nodes[p.message].next; i = nodes[i].next)
        if (nodes[i].field == p.field && nodes[i].end - nodes[i].data <= TEXT_MAX)
            old = BYTES(w->tree.input.data + nodes[i].data, nodes[i].end - nodes[i].data);
    size_t at = (size_t)random_below(w->r, old.len + 1);
    while (at > 0 && at < old.len && (old.data[at] & 0xC0) == 0x80)
        at--;
    fuzz_put_tag(w->out, p.field->number, WIRE_BYTES);
    fuzz_put_varint(w->out, old.len + bad.len);
    fuzz_put(w->out, old.data, at);
    fuzz_put(w->out, bad.data, bad.len);
    fuzz_put(w->out, old.data + at, old.len - at);
    return defect_put(w, &p);
}

static bool put_one_of(struct mutate_work *w, const char *const bad[4])
{
    return put_bad(w, bytes_of(bad[random_below(w->r, 4)]));
}

static bool utf8_continuation(struct mutate_work *w)
{
    static const char *const bad[4] = {"\x80", "\xBF", "\x80\x80", "\xA0"};
    return put_one_of(w, bad);
}

static bool utf8_overlong(struct mutate_work *w)
{
    static const char *const bad[4] = {"\xC0\xAF", "\xC1\x81", "\xE0\x80\xAF", "\xF0\x80\x80\xAF"};
    return put_one_of(w, bad);
}

static bool utf8_surrogate(struct mutate_work *w)
{
    static const char *const bad[4] = {"\xED\xA0\x80", "\xED\xBF\xBF", "\xED\xA0\xBD\xED\xB8\x80", "\xED\xB0\x80"};
    return put_one_of(w, bad);
}

static bool utf8_over(struct mutate_work *w)
{
    static const char *const bad[4] = {"\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF"};
    return put_one_of(w, bad);
}

static bool utf8_truncated(struct mutate_work *w)
{
    static const char *const bad[4] = {"\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xE2"};
    return put_one_of(w, bad);
}

static bool string_nul(struct mutate_work *w)
{
    return put_bad(w, BYTES("\0", 1));
}

static const struct defect list[] = {
    DEFECT_REFUSED("utf8-continuation", "a string with a continuation byte that continues nothing", utf8_continuation),
    DEFECT_REFUSED("utf8-overlong", "a string with a code point in more bytes than it needs", utf8_overlong),
    DEFECT_REFUSED("utf8-surrogate", "a string with half a surrogate pair", utf8_surrogate),
    DEFECT_REFUSED("utf8-over", "a string with a code point above U+10FFFF", utf8_over),
    DEFECT_REFUSED("utf8-truncated", "a string with a code point cut short", utf8_truncated),
    DEFECT_EITHER("string-nul", "a string that holds a NUL", string_nul),
};
DEFECT_FAMILY(defects_string);
