/* When two findings are one bug.
 *
 * A crash is known by the functions on top of its sanitizer's stack, where the component logged one. An internal error
 * is known by its method and text, less what differs from time to time. What decoders do wrong goes by the family of
 * the defect. What sequences show goes by the service whose things they are about; silence, cost and replies that do
 * not decode by their method; what is answered wrongly below gRPC by its operator, whoever answers. The rest goes by
 * what is left of the case when it was made smaller: its calls, and which fields its messages set.
 *
 * What is wrong with a component as a whole shows at its methods: the same words, or silence. Those are one finding
 * (findings.c). */
#include "fuzz/live/engine.h"

#include "fuzz/sequence/wire.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NORMAL_MAX     96 /* bytes of a text that count */
#define TEXT_MIN       6  /* letters that make a text one's own */
#define TEXT_LONG      12 /* bytes of one that says the same wherever it is said */
#define STACK_FRAMES   3
#define FIELDS_MAX     32 /* of one message */
#define FIELD_DEPTH    3
#define NAME_MAX_BYTES 96

struct bytes finding_family(const char *defect)
{
    return defect ? BYTES(defect, strcspn(defect, "-")) : BYTES_NONE;
}

/* Quoted parts are what somebody sent; so is every word with a digit or a backslash in it. */
void finding_normalise(const char *text, struct text *out)
{
    size_t from = out->len;
    while (*text && out->len - from < NORMAL_MAX) {
        size_t word = strcspn(text, " \t\n\"'`");
        bool plain = word > 0;
        for (size_t i = 0; i < word; i++)
            plain &= (isalpha((unsigned char)text[i]) || strchr(".,:;-_/()", text[i])) && (unsigned char)text[i] < 0x80;
        if (word == 0 && strchr("\"'`", *text)) {
            const char *end = strchr(text + 1, *text);
            text_char(out, '#');
            text = end ? end + 1 : text + strlen(text);
            continue;
        }
        if (plain)
            text_add(out, text, word);
        else if (word > 0)
            text_char(out, '#');
        text += word;
        size_t blank = strspn(text, " \t\n");
        if (blank > 0)
            text_char(out, ' ');
        text += blank;
    }
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

/* Frames of the sanitizer's own, of the C library's ends, and of its string functions say where, not why. */
static bool is_plumbing(const char *name)
{
    static const char *const prefixes[] = {"__",      "abort",   "raise",  "gsignal", "pthread_kill", "memcpy",
                                           "memmove", "strlen",  "memset", "memcmp",  "malloc",       "free",
                                           "calloc",  "realloc", "printf", "strdup",  "interceptor"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* "    #3 0x55d0 in name file.c:12:3", as all of LLVM's and GCC's sanitizers print it. */
static bool read_frame(const char *line, size_t len, unsigned *number, char name[NAME_MAX_BYTES])
{
    char copy[512];
    unsigned long long address;
    len = len < sizeof copy - 1 ? len : sizeof copy - 1;
    memcpy(copy, line, len);
    copy[len] = '\0';
    const char *frame = strchr(copy, '#');
    return frame && sscanf(frame, "#%u %llx in %95[^ \n(+]", number, &address, name) == 3;
}

bool finding_stack(const char *log, struct text *out)
{
    size_t frames = 0;
    unsigned number = 0;
    char name[NAME_MAX_BYTES];
    for (const char *line = log; *line && frames < STACK_FRAMES;) {
        size_t len = strcspn(line, "\n");
        if (read_frame(line, len, &number, name)) {
            if (number == 0 && frames > 0)
                break; /* the next stack: where it was allocated, or freed */
            if (!is_plumbing(name)) {
                text_printf(out, "%s%s", frames > 0 ? " < " : "", name);
                frames++;
            }
        }
        line += len + (line[len] == '\n');
    }
    return frames > 0;
}

/* ---- structure -------------------------------------------------------------------------------------------------- */

static void put_fields(const struct pb_type *type, struct bytes message, int depth, size_t *left, struct text *out)
{
    struct wire_item item;
    uint32_t last = 0;
    while (*left > 0 && wire_next(&message, &item)) {
        const struct pb_field *f = type ? pb_field_by_number(type, item.number) : NULL;
        if (item.number == last)
            continue; /* how often does not matter */
        last = item.number;
        (*left)--;
        text_printf(out, " %u", item.number);
        if (f && f->kind == PB_MESSAGE && item.type == WIRE_BYTES && depth < FIELD_DEPTH) {
            text_char(out, '(');
            put_fields(f->message, item.value, depth + 1, left, out);
            text_char(out, ')');
        }
    }
}

static void put_structure(const struct fuzz_finding *f, const struct pb_pool *pool, struct text *out)
{
    for (size_t i = 0; i < f->c.events.count; i++) {
        const struct fuzz_event *e = &f->c.events.items[i];
        const char *kind = fuzz_event_kind_name(e->kind);
        struct bytes name = fuzz_case_bytes(&f->c, e->name);
        size_t left = FIELDS_MAX;
        if (e->kind == EVENT_AWAIT || e->kind == EVENT_HALF_CLOSE || e->kind == EVENT_TIME)
            continue; /* when, not what */
        text_printf(out, ";%s", kind ? kind : "?");
        if (e->kind == EVENT_CALL || e->kind == EVENT_METADATA)
            text_add(out, name.data, name.len);
        if (e->kind != EVENT_MESSAGE)
            continue;
        const struct pb_method *m = fuzz_case_method(&f->c, e->call, pool);
        const uint8_t *dash = name.len > 0 ? memchr(name.data, '-', name.len) : NULL;
        text_add(out, name.data, dash ? (size_t)(dash - name.data) : name.len);
        if (e->lane == LANE_VALID && m)
            put_fields(m->input, fuzz_case_bytes(&f->c, e->value), 0, &left, out);
    }
}

/* ---- identities ------------------------------------------------------------------------------------------------- */

static const char *said(const struct fuzz_finding *f)
{
    const char *text = strstr(f->why, ": ");
    return text ? text + 2 : "";
}

static bool is(const struct fuzz_finding *f, const char *oracle)
{
    return strcmp(f->oracle, oracle) == 0;
}

/* Of connections each operator is one of its own. */
static struct bytes kind_of(const struct fuzz_finding *f)
{
    return f->method || !f->defect ? finding_family(f->defect) : bytes_of(f->defect);
}

void finding_identity(const struct fuzz_finding *f, struct text *out)
{
    struct bytes family = kind_of(f);
    text_printf(out, "%s %s %.*s ", f->oracle, finding_subject(f), (int)family.len,
                family.data ? (const char *)family.data : "");
    if (is(f, "crash"))
        (void)finding_stack(f->why, out);
    else if (is(f, "internal"))
        finding_normalise(said(f), out);
}

bool finding_own_text(const struct fuzz_finding *f, struct text *out)
{
    size_t from = out->len, letters = 0;
    if (is(f, "internal"))
        finding_normalise(said(f), out);
    for (size_t i = from; i < out->len; i++)
        letters += isalpha((unsigned char)out->data[i]) != 0;
    if (letters < TEXT_MIN)
        text_truncate(out, from);
    return letters >= TEXT_MIN;
}

bool finding_same_words(const struct fuzz_finding *a, const struct fuzz_finding *b)
{
    struct text one = TEXT_INIT, two = TEXT_INIT;
    bool same = a->method && b->method && a->component == b->component && finding_own_text(a, &one) &&
                finding_own_text(b, &two) && one.len >= TEXT_LONG && strcmp(text_string(&one), text_string(&two)) == 0;
    text_deinit(&one);
    text_deinit(&two);
    return same;
}

bool finding_both_silent(const struct fuzz_finding *a, const struct fuzz_finding *b)
{
    return a->method && b->method && a->component == b->component && is(a, "hang") && is(b, "hang");
}

void finding_identity_settled(const struct fuzz_finding *f, const struct pb_pool *pool, struct text *out)
{
    struct bytes family = finding_family(f->defect);
    bool decoder = is(f, "accepted") || is(f, "status");
    text_printf(out, "%s ", decoder ? "decoder" : is(f, "freed-id") ? "read-after-delete" : f->oracle);
    if (is(f, "crash") && finding_stack(f->why, out))
        return;
    if (sequence_checker_find(f->oracle)) {
        text_puts(out, f->method->service->full_name);
        return;
    }
    if (!f->method && f->defect) { /* below gRPC components share a library */
        text_puts(out, f->defect);
        return;
    }
    text_printf(out, "%s ", finding_subject(f));
    if (is(f, "schema") || is(f, "amplification") || is(f, "hang") || is(f, "crash"))
        return;
    if (decoder) {
        text_printf(out, "%.*s", (int)family.len, family.data ? (const char *)family.data : "");
        return;
    }
    if (!finding_own_text(f, out))
        put_structure(f, pool, out);
}
