#include "fuzz/sequence/refusal.h"

#include "fuzz/sequence/wire.h"
#include "wire/grpc.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 600 /* bytes of a text that are looked at */

const char *refusal_kind_name(enum refusal_kind kind)
{
    static const char *const names[] = {"none", "missing", "invalid", "unknown", "exists", "access", "state"};
    return kind <= REFUSAL_STATE ? names[kind] : "?";
}

/* ---- text ---- */

/* The text's words in lower case with single blanks between them and around all; what is in quotes stays. */
struct prose {
    char plain[WORDS_MAX + 3]; /* " key is required " */
    char quoted[SEQUENCE_LEARNT_WORD_MAX];
};

/* Of {"id":..., "detail":"..."} the detail, as it is escaped there; another text is all of it. */
static struct bytes detail_of(struct bytes text)
{
    static const char *const marks[] = {"\"detail\":\"", "\"Detail\":\"", "\"message\":\"", "\"error\":\""};
    if (text.len == 0 || text.data[0] != '{')
        return text;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const uint8_t *at = memmem(text.data, text.len, marks[i], strlen(marks[i]));
        if (at == NULL)
            continue;
        at += strlen(marks[i]);
        size_t left = text.len - (size_t)(at - text.data), len = 0;
        while (len < left && at[len] != '"')
            len += at[len] == '\\' ? 2 : 1;
        return BYTES(at, len < left ? len : left);
    }
    return text;
}

static void keep_quoted(struct prose *p, const uint8_t *from, size_t len)
{
    if (p->quoted[0] != '\0' || len == 0 || len >= sizeof p->quoted)
        return;
    for (size_t i = 0; i < len; i++)
        if (from[i] <= ' ' || from[i] > '~' || from[i] == '%')
            return;
    memcpy(p->quoted, from, len);
    p->quoted[len] = '\0';
}

static void read_prose(struct bytes text, struct prose *p)
{
    size_t n = 0, quote = 0;
    bool in_quote = false;
    *p = (struct prose){.plain = " "};
    n = 1;
    text = detail_of(text);
    for (size_t i = 0; i < text.len && n < WORDS_MAX; i++) {
        char c = (char)text.data[i];
        if (c == '\\' && i + 1 < text.len && text.data[i + 1] == '"') {
            /* In JSON: the quote itself comes next; its backslash is no part of what it encloses. */
            if (in_quote)
                keep_quoted(p, text.data + quote, i - quote);
            i++;
            in_quote = !in_quote;
            quote = i + 1;
            c = ' ';
        } else if (c == '"') {
            if (in_quote)
                keep_quoted(p, text.data + quote, i - quote);
            in_quote = !in_quote;
            quote = i + 1;
        }
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'';
        if (word)
            p->plain[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        else if (p->plain[n - 1] != ' ')
            p->plain[n++] = ' ';
    }
    if (p->plain[n - 1] != ' ')
        p->plain[n++] = ' ';
    p->plain[n] = '\0';
}

static bool says_any(const struct prose *p, const char *const *phrases)
{
    for (; *phrases != NULL; phrases++)
        if (strstr(p->plain, *phrases) != NULL)
            return true;
    return false;
}

static enum refusal_kind kind_of(int status, const struct prose *p)
{
    static const char *const unknown[] = {" not found ",     " not exist ",    " no such ", " unknown ",
                                          " doesn't exist ", " is not there ", NULL};
    static const char *const exists[] = {" exists ", " already ", " duplicate ", " taken ", NULL};
    static const char *const missing[] = {" required ", " missing ", " must be set ",     " must not be empty ",
                                          " empty ",    " blank ",   " cannot be blank ", " needs ",
                                          " needed ",   " not set ", " must have ",       NULL};
    switch (status) {
    case GRPC_OK:
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_UNAVAILABLE:
    case GRPC_INTERNAL:
    case GRPC_DATA_LOSS:
    case GRPC_RESOURCE_EXHAUSTED:
    case GRPC_UNIMPLEMENTED:
        return REFUSAL_NONE;
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
        return REFUSAL_ACCESS;
    case GRPC_NOT_FOUND:
        return REFUSAL_UNKNOWN;
    case GRPC_ALREADY_EXISTS:
        return REFUSAL_EXISTS;
    default:
        break;
    }
    if (says_any(p, unknown))
        return REFUSAL_UNKNOWN;
    if (says_any(p, missing))
        return REFUSAL_MISSING;
    if (says_any(p, exists))
        return REFUSAL_EXISTS;
    return status == GRPC_INVALID_ARGUMENT || status == GRPC_OUT_OF_RANGE ? REFUSAL_INVALID
           : status == GRPC_FAILED_PRECONDITION || status == GRPC_ABORTED ? REFUSAL_STATE
                                                                          : REFUSAL_NONE;
}

/* ---- fields ---- */

/* " new secret " of new_secret. */
static void spell(const char *name, bool singular, char *out, size_t size)
{
    struct sequence_words w;
    size_t n = 0;
    out[n++] = ' ';
    if (singular) {
        sequence_words_of(name, &w);
        for (size_t i = 0; i < w.count && n + SEQUENCE_WORD_MAX + 2 < size; i++)
            n += (size_t)snprintf(out + n, size - n, "%s ", w.word[i]);
    } else {
        for (; *name != '\0' && n + 2 < size; name++)
            out[n++] = *name == '_' ? ' ' : *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        out[n++] = ' ';
    }
    out[n] = '\0';
}

static bool is_named(const struct prose *p, const char *name, size_t *len)
{
    char spelt[128];
    for (int singular = 0; singular < 2; singular++) {
        spell(name, singular == 1, spelt, sizeof spelt);
        *len = strlen(spelt);
        if (*len > 2 && strstr(p->plain, spelt) != NULL)
            return true;
    }
    return false;
}

/* The longest name wins, a field's own before that of a message around it, what names things before what does not. */
static int find_leaf(const struct sequence_shape *s, const struct prose *p)
{
    int best = -1;
    size_t best_rank = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct sequence_leaf *l = &s->leaves[i];
        for (size_t k = 0; k < l->depth; k++) {
            size_t len, rank;
            if (!is_named(p, l->fields[k]->name, &len))
                continue;
            bool own = k + 1 == l->depth;
            rank = (own ? 1000 : 10) + (own ? 4 * len : 0) + (sequence_class_names_one(l->class) ? 2 : 0) +
                   (l->depth == 1 ? 1 : 0);
            if (rank > best_rank) {
                best_rank = rank;
                best = (int)i;
            }
        }
    }
    return best;
}

/* By a path as google.rpc.BadRequest gives it: "record.key", or the end of one. */
static int leaf_of_path(const struct sequence_shape *s, struct bytes path)
{
    char wanted[128];
    int best = -1;
    size_t best_len = 0;
    snprintf(wanted, sizeof wanted, "%.*s", (int)(path.len < 127 ? path.len : 127), (const char *)path.data);
    for (size_t i = 0; i < s->count; i++) {
        char own[256];
        size_t n = 0;
        for (size_t k = 0; k < s->leaves[i].depth && n < sizeof own; k++)
            n += (size_t)snprintf(own + n, sizeof own - n, "%s%s", k > 0 ? "." : "", s->leaves[i].fields[k]->name);
        n = strlen(own);
        size_t len = strlen(wanted);
        bool end = len > 0 && len <= n && strcmp(own + n - len, wanted) == 0 && (len == n || own[n - len - 1] == '.');
        /* Or it names the message the leaf is in. */
        bool inside = len > 0 && n > len && strncmp(own, wanted, len) == 0 && own[len] == '.';
        if ((end && 2 * len + (len == n) > best_len) || (inside && best < 0)) {
            best = (int)i;
            best_len = end ? 2 * len + (len == n) : 0;
        }
    }
    return best;
}

/* ---- google.rpc.Status ---- */

/* Any{1: type url, 2: value} in field 3 of Status; BadRequest{1: FieldViolation{1: field, 2: description}};
 * PreconditionFailure{1: Violation{1: type, 2: subject, 3: description}}. */
static bool read_details(const struct sequence_shape *s, struct bytes detail, int status, struct refusal *out)
{
    struct wire_item item;
    while (wire_next(&detail, &item)) {
        struct bytes any = item.value, url = BYTES_NONE, value = BYTES_NONE;
        struct wire_item part;
        if (item.number != 3 || item.type != WIRE_BYTES)
            continue;
        while (wire_next(&any, &part)) {
            if (part.type == WIRE_BYTES && part.number == 1)
                url = part.value;
            else if (part.type == WIRE_BYTES && part.number == 2)
                value = part.value;
        }
        bool bad = url.len > 0 && memmem(url.data, url.len, "google.rpc.BadRequest", 21) != NULL;
        bool state = url.len > 0 && memmem(url.data, url.len, "google.rpc.PreconditionFailure", 30) != NULL;
        if ((!bad && !state) || !wire_next(&value, &item) || item.number != 1 || item.type != WIRE_BYTES)
            continue;
        struct bytes violation = item.value, name = BYTES_NONE, words = BYTES_NONE;
        while (wire_next(&violation, &part)) {
            if (part.type == WIRE_BYTES && part.number == (bad ? 1 : 2))
                name = part.value;
            else if (part.type == WIRE_BYTES && part.number == (bad ? 2 : 3))
                words = part.value;
        }
        struct prose p;
        read_prose(words, &p);
        out->kind = state ? REFUSAL_STATE : kind_of(status, &p);
        out->leaf = name.len > 0 ? leaf_of_path(s, name) : -1;
        memcpy(out->word, p.quoted, sizeof out->word);
        return true;
    }
    return false;
}

void refusal_read(const struct sequence_graph *g, size_t method, int status, struct bytes text, struct bytes detail,
                  struct refusal *out)
{
    const struct sequence_shape *s = sequence_input(g, method);
    struct prose p;
    *out = (struct refusal){.kind = REFUSAL_NONE, .leaf = -1};
    if (detail.len > 0 && read_details(s, detail, status, out) && out->kind != REFUSAL_NONE)
        return;
    read_prose(text, &p);
    out->kind = kind_of(status, &p);
    if (out->kind == REFUSAL_NONE || out->kind == REFUSAL_ACCESS)
        return;
    out->leaf = find_leaf(s, &p);
    out->one_of = strstr(p.plain, " or ") != NULL;
    if (out->kind == REFUSAL_INVALID)
        memcpy(out->word, p.quoted, sizeof out->word);
}
