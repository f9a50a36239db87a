#include "fuzz/sequence/words.h"

#include <string.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_in(const char *word, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len > n && memcmp(word + len - n, end, n) == 0;
}

static void make_singular(char *word)
{
    size_t len = strlen(word);
    if (len < 3 || ends_in(word, len, "ss") || ends_in(word, len, "us") || ends_in(word, len, "is"))
        return;
    if (ends_in(word, len, "ies") && len > 4)
        memcpy(word + len - 3, "y", 2);
    else if (ends_in(word, len, "sses") || ends_in(word, len, "xes") || ends_in(word, len, "ches") ||
             ends_in(word, len, "shes"))
        word[len - 2] = '\0';
    else if (word[len - 1] == 's')
        word[len - 1] = '\0';
}

static void add_word(struct sequence_words *out, const char *from, size_t len)
{
    if (len == 0)
        return;
    if (out->count == SEQUENCE_WORDS_MAX) {
        memmove(out->word[0], out->word[1], sizeof out->word[0] * (SEQUENCE_WORDS_MAX - 1));
        out->count--;
    }
    if (len >= SEQUENCE_WORD_MAX)
        len = SEQUENCE_WORD_MAX - 1;
    char *to = out->word[out->count++];
    for (size_t i = 0; i < len; i++)
        to[i] = is_upper(from[i]) ? (char)(from[i] - 'A' + 'a') : from[i];
    to[len] = '\0';
    make_singular(to);
}

/* A word begins behind whatever is no letter or digit, at a capital behind a small letter, and at the last capital of
 * several before a small letter: "userID", "HTTPServer". */
void sequence_words_of(const char *name, struct sequence_words *out)
{
    size_t start = 0, i = 0;
    *out = (struct sequence_words){.count = 0};
    for (; name[i]; i++) {
        char c = name[i];
        if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
            add_word(out, name + start, i - start);
            start = i + 1;
        } else if (i > start && is_upper(c) &&
                   (!is_upper(name[i - 1]) || (is_lower(name[i + 1]) && !(name[i + 1] == 's' && !name[i + 2])))) {
            add_word(out, name + start, i - start);
            start = i;
        }
    }
    add_word(out, name + start, i - start);
}

bool sequence_words_equal(const struct sequence_words *a, const struct sequence_words *b)
{
    return a->count == b->count && (a->count == 0 || sequence_words_end(a, b));
}

bool sequence_words_end(const struct sequence_words *a, const struct sequence_words *b)
{
    if (a->count == 0 || a->count > b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->word[i], b->word[b->count - a->count + i]) != 0)
            return false;
    return true;
}

bool sequence_words_have(const struct sequence_words *w, const char *word)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->word[i], word) == 0)
            return true;
    return false;
}

size_t sequence_words_shared(const struct sequence_words *a, const struct sequence_words *b)
{
    size_t shared = 0;
    for (size_t i = 0; i < a->count; i++)
        shared += sequence_words_have(b, a->word[i]);
    return shared;
}

void sequence_words_join(const struct sequence_words *a, const struct sequence_words *b, struct sequence_words *out)
{
    *out = *a;
    for (size_t i = 0; i < b->count; i++)
        add_word(out, b->word[i], strlen(b->word[i]));
}

/* ---- methods ---- */

struct meaning {
    const char *word;
    int what;
};

static const struct meaning verbs[] = {
    {"create", ROLE_CREATE},
    {"write", ROLE_CREATE},
    {"put", ROLE_CREATE},
    {"publish", ROLE_CREATE},
    {"upload", ROLE_CREATE},
    {"signup", ROLE_CREATE},
    {"register", ROLE_CREATE},
    {"add", ROLE_CREATE},
    {"new", ROLE_CREATE},
    {"generate", ROLE_CREATE},
    {"insert", ROLE_CREATE},
    {"post", ROLE_CREATE},
    {"send", ROLE_CREATE},
    {"start", ROLE_CREATE},
    {"open", ROLE_CREATE},
    {"set", ROLE_CREATE},
    {"store", ROLE_CREATE},
    {"save", ROLE_CREATE},
    {"make", ROLE_CREATE},
    {"issue", ROLE_CREATE},
    {"upsert", ROLE_CREATE},
    {"enqueue", ROLE_CREATE},
    {"push", ROLE_CREATE},
    {"begin", ROLE_CREATE},
    {"grant", ROLE_CREATE},
    {"allocate", ROLE_CREATE},
    {"reserve", ROLE_CREATE},
    {"import", ROLE_CREATE},
    {"append", ROLE_CREATE},
    {"join", ROLE_CREATE},
    {"acquire", ROLE_CREATE},
    {"place", ROLE_CREATE},
    {"submit", ROLE_CREATE},
    {"get", ROLE_READ},
    {"read", ROLE_READ},
    {"fetch", ROLE_READ},
    {"lookup", ROLE_READ},
    {"inspect", ROLE_READ},
    {"describe", ROLE_READ},
    {"show", ROLE_READ},
    {"find", ROLE_READ},
    {"retrieve", ROLE_READ},
    {"load", ROLE_READ},
    {"info", ROLE_READ},
    {"verify", ROLE_READ},
    {"check", ROLE_READ},
    {"download", ROLE_READ},
    {"exist", ROLE_READ},
    {"peek", ROLE_READ},
    {"validate", ROLE_READ},
    {"list", ROLE_LIST},
    {"search", ROLE_LIST},
    {"query", ROLE_LIST},
    {"browse", ROLE_LIST},
    {"range", ROLE_LIST},
    {"enumerate", ROLE_LIST},
    {"update", ROLE_UPDATE},
    {"modify", ROLE_UPDATE},
    {"change", ROLE_UPDATE},
    {"edit", ROLE_UPDATE},
    {"patch", ROLE_UPDATE},
    {"replace", ROLE_UPDATE},
    {"rename", ROLE_UPDATE},
    {"move", ROLE_UPDATE},
    {"rotate", ROLE_UPDATE},
    {"reset", ROLE_UPDATE},
    {"renew", ROLE_UPDATE},
    {"extend", ROLE_UPDATE},
    {"pay", ROLE_UPDATE},
    {"ship", ROLE_UPDATE},
    {"delete", ROLE_END},
    {"remove", ROLE_END},
    {"destroy", ROLE_END},
    {"drop", ROLE_END},
    {"unregister", ROLE_END},
    {"deregister", ROLE_END},
    {"cancel", ROLE_END},
    {"close", ROLE_END},
    {"revoke", ROLE_END},
    {"logout", ROLE_END},
    {"end", ROLE_END},
    {"stop", ROLE_END},
    {"kill", ROLE_END},
    {"purge", ROLE_END},
    {"clear", ROLE_END},
    {"expire", ROLE_END},
    {"archive", ROLE_END},
    {"unsubscribe", ROLE_END},
    {"leave", ROLE_END},
    {"release", ROLE_END},
    {"abort", ROLE_END},
    {"terminate", ROLE_END},
    {"login", ROLE_CREDENTIAL},
    {"token", ROLE_CREDENTIAL},
    {"signin", ROLE_CREDENTIAL},
    {"authenticate", ROLE_CREDENTIAL},
    {"logon", ROLE_CREDENTIAL},
    {"authorize", ROLE_CREDENTIAL},
    {"refresh", ROLE_CREDENTIAL},
    {"watch", ROLE_WATCH},
    {"subscribe", ROLE_WATCH},
    {"consume", ROLE_WATCH},
    {"stream", ROLE_WATCH},
    {"follow", ROLE_WATCH},
    {"tail", ROLE_WATCH},
    {"listen", ROLE_WATCH},
    {"observe", ROLE_WATCH},
};

enum sequence_role sequence_role_of(const struct sequence_words *method, size_t *verb)
{
    for (size_t i = 0; i < method->count; i++)
        for (size_t v = 0; v < sizeof verbs / sizeof verbs[0]; v++)
            if (strcmp(method->word[i], verbs[v].word) == 0) {
                *verb = i;
                return (enum sequence_role)verbs[v].what;
            }
    *verb = SEQUENCE_WORDS_MAX;
    return ROLE_OTHER;
}

const char *sequence_role_name(enum sequence_role role)
{
    static const char *const names[ROLE_COUNT] = {"other",  "create", "read",       "list",
                                                  "update", "end",    "credential", "watch"};
    return role < ROLE_COUNT ? names[role] : "?";
}

/* ---- fields ---- */

static const struct meaning sorts[] = {
    {"id", CLASS_ID},
    {"uuid", CLASS_ID},
    {"guid", CLASS_ID},
    {"uid", CLASS_ID},
    {"identifier", CLASS_ID},
    {"key", CLASS_KEY},
    {"slug", CLASS_KEY},
    {"path", CLASS_KEY},
    {"name", CLASS_NAME},
    {"title", CLASS_NAME},
    {"token", CLASS_TOKEN},
    {"jwt", CLASS_TOKEN},
    {"session", CLASS_TOKEN},
    {"cookie", CLASS_TOKEN},
    {"credential", CLASS_TOKEN},
    {"ticket", CLASS_TOKEN},
    {"secret", CLASS_SECRET},
    {"password", CLASS_SECRET},
    {"passwd", CLASS_SECRET},
    {"pin", CLASS_SECRET},
    {"email", CLASS_EMAIL},
    {"mail", CLASS_EMAIL},
    {"username", CLASS_EMAIL},
    {"login", CLASS_EMAIL},
    {"topic", CLASS_TOPIC},
    {"queue", CLASS_TOPIC},
    {"channel", CLASS_TOPIC},
    {"subject", CLASS_TOPIC},
    {"revision", CLASS_REVISION},
    {"etag", CLASS_REVISION},
    {"generation", CLASS_REVISION},
    {"version", CLASS_REVISION},
    {"cursor", CLASS_CURSOR},
    {"offset", CLASS_CURSOR},
    {"continuation", CLASS_CURSOR},
    {"page", CLASS_CURSOR},
    {"namespace", CLASS_CONTEXT},
    {"domain", CLASS_CONTEXT},
    {"tenant", CLASS_CONTEXT},
    {"database", CLASS_CONTEXT},
    {"table", CLASS_CONTEXT},
    {"project", CLASS_CONTEXT},
    {"organization", CLASS_CONTEXT},
    {"zone", CLASS_CONTEXT},
    {"region", CLASS_CONTEXT},
    {"bucket", CLASS_CONTEXT},
    {"time", CLASS_TIME},
    {"timestamp", CLASS_TIME},
    {"created", CLASS_TIME},
    {"updated", CLASS_TIME},
    {"expiry", CLASS_TIME},
    {"expires", CLASS_TIME},
    {"expire", CLASS_TIME},
    {"since", CLASS_TIME},
    {"until", CLASS_TIME},
    {"ttl", CLASS_TIME},
    {"started", CLASS_TIME},
    {"duration", CLASS_TIME},
    {"date", CLASS_TIME},
};

enum sequence_class sequence_class_of(const struct sequence_words *field)
{
    if (field->count == 0)
        return CLASS_PLAIN;
    /* "page_token" says where a list goes on; "token_expiry" is a time; "public_key" names nothing. */
    if (sequence_words_have(field, "page") || sequence_words_have(field, "continuation"))
        return CLASS_CURSOR;
    if (sequence_words_have(field, "public") || sequence_words_have(field, "private"))
        return CLASS_PLAIN;
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++)
        if (strcmp(field->word[field->count - 1], sorts[i].word) == 0)
            return (enum sequence_class)sorts[i].what;
    return CLASS_PLAIN;
}

bool sequence_class_names_one(enum sequence_class c)
{
    return c == CLASS_ID || c == CLASS_KEY || c == CLASS_NAME || c == CLASS_EMAIL;
}

const char *sequence_class_name(enum sequence_class c)
{
    static const char *const names[CLASS_COUNT] = {"plain", "id",    "key",      "name",   "token",   "secret",
                                                   "email", "topic", "revision", "cursor", "context", "time"};
    return c < CLASS_COUNT ? names[c] : "?";
}
