#include "fakes/behave/words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_break(const char *at, const char *start)
{
    if (at == start || !isupper((unsigned char)*at))
        return false;
    if (!isupper((unsigned char)at[-1]))
        return true; /* "readSession" */
    /* The last capital of a run begins a word ("APIKey"), but not before a plural's s ("APIs"). */
    return islower((unsigned char)at[1]) && !(at[1] == 's' && !islower((unsigned char)at[2]));
}

void name_split(const char *identifier, struct name *out)
{
    size_t used = 0;
    out->count = 0;
    bool open = false;
    for (const char *at = identifier; *at && used + 2 < sizeof out->text; at++) {
        if (!isalnum((unsigned char)*at)) {
            open = false;
            continue;
        }
        if (!open || is_break(at, identifier)) {
            if (out->count == NAME_MAX_WORDS)
                break;
            if (used > 0)
                out->text[used++] = '\0';
            out->words[out->count++] = out->text + used;
            open = true;
        }
        out->text[used++] = (char)tolower((unsigned char)*at);
    }
    out->text[used] = '\0';
}

bool name_has(const struct name *n, const char *word)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->words[i], word) == 0)
            return true;
    return false;
}

static const char *skip(const char *at, const char *end)
{
    while (at < end && !isalnum((unsigned char)*at))
        at++;
    return at;
}

bool name_same_n(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const char *a_end = a + a_len, *b_end = b + b_len;
    for (;;) {
        a = skip(a, a_end);
        b = skip(b, b_end);
        if (a == a_end || b == b_end)
            return a == a_end && b == b_end;
        if (tolower((unsigned char)*a++) != tolower((unsigned char)*b++))
            return false;
    }
}

bool name_same(const char *a, const char *b)
{
    return name_same_n(a, strlen(a), b, strlen(b));
}

bool name_is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (name_same(name, *list))
            return true;
    return false;
}

bool name_ends(const char *name, const char *ending)
{
    size_t n = strlen(name), e = strlen(ending);
    return n >= e && name_same_n(name + n - e, e, ending, e);
}

const char *name_behind(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strlen(name) <= len || !name_same_n(name, len, prefix, len))
        return NULL;
    if (name[len] == '_')
        return name[len + 1] ? name + len + 1 : NULL;
    return isupper((unsigned char)name[len]) ? name + len : NULL;
}

static bool ends(const char *word, size_t len, const char *ending)
{
    size_t e = strlen(ending);
    return len > e && memcmp(word + len - e, ending, e) == 0;
}

void word_singular(const char *word, char *out, size_t size)
{
    static const char *const irregular[][2] = {{"people", "person"}, {"children", "child"}, {"men", "man"},
                                               {"indices", "index"}, {"series", "series"},  {"news", "news"},
                                               {"media", "media"},   {"movies", "movie"},   {"cookies", "cookie"}};
    char lower[NAME_MAX_BYTES];
    size_t len = 0;
    for (; word[len] && len + 1 < sizeof lower; len++)
        lower[len] = (char)tolower((unsigned char)word[len]);
    lower[len] = '\0';
    for (size_t i = 0; i < sizeof irregular / sizeof *irregular; i++)
        if (strcmp(lower, irregular[i][0]) == 0) {
            snprintf(out, size, "%s", irregular[i][1]);
            return;
        }
    if (ends(lower, len, "ies"))
        snprintf(lower + len - 3, sizeof lower - len + 3, "y");
    else if (ends(lower, len, "sses") || ends(lower, len, "xes") || ends(lower, len, "ches") ||
             ends(lower, len, "shes") || ends(lower, len, "uses"))
        lower[len - 2] = '\0';
    else if (ends(lower, len, "s") && !ends(lower, len, "ss") && !ends(lower, len, "us") && !ends(lower, len, "is"))
        lower[len - 1] = '\0';
    snprintf(out, size, "%s", lower);
}

bool noun_same(const char *a, const char *b)
{
    char one[NAME_MAX_BYTES], other[NAME_MAX_BYTES];
    if (name_same(a, b))
        return true;
    word_singular(a, one, sizeof one);
    word_singular(b, other, sizeof other);
    return name_same(one, other);
}

/* A verb in its base form. Words that are nouns as often as verbs ("order", "index", "report") are told apart by
 * shapes, not here. */
static const struct verb VERBS[] = {
    {"create", VERB_CREATE, NULL, NULL},
    {"add", VERB_CREATE, NULL, NULL},
    {"insert", VERB_CREATE, NULL, NULL},
    {"register", VERB_CREATE, NULL, NULL},
    {"new", VERB_CREATE, NULL, NULL},
    {"open", VERB_CREATE, "open", "closed"},
    {"schedule", VERB_CREATE, "scheduled", NULL},
    {"book", VERB_CREATE, NULL, NULL},
    {"reserve", VERB_CREATE, "reserved", NULL},
    {"place", VERB_CREATE, NULL, NULL},
    {"report", VERB_CREATE, NULL, NULL},
    {"record", VERB_CREATE, NULL, NULL},
    {"submit", VERB_CREATE, "submitted", NULL},
    {"start", VERB_CREATE, "started", "stopped"},
    {"begin", VERB_CREATE, NULL, NULL},
    {"raise", VERB_CREATE, NULL, NULL},
    {"log", VERB_CREATE, NULL, NULL},
    {"track", VERB_SAVE, NULL, NULL},
    {"import", VERB_CREATE, NULL, NULL},
    {"save", VERB_SAVE, NULL, NULL},
    {"set", VERB_SAVE, NULL, NULL},
    {"put", VERB_SAVE, NULL, NULL},
    {"write", VERB_SAVE, NULL, NULL},
    {"store", VERB_SAVE, NULL, NULL},
    {"upsert", VERB_SAVE, NULL, NULL},
    {"index", VERB_SAVE, NULL, NULL},
    {"assign", VERB_UPDATE, "assigned", NULL},
    {"read", VERB_READ, NULL, NULL},
    {"get", VERB_READ, NULL, NULL},
    {"fetch", VERB_READ, NULL, NULL},
    {"lookup", VERB_READ, NULL, NULL},
    {"describe", VERB_READ, NULL, NULL},
    {"show", VERB_READ, NULL, NULL},
    {"view", VERB_READ, NULL, NULL},
    {"head", VERB_READ, NULL, NULL},
    {"inspect", VERB_READ, NULL, NULL},
    {"load", VERB_READ, NULL, NULL},
    {"retrieve", VERB_READ, NULL, NULL},
    {"resolve", VERB_READ, "resolved", NULL},
    {"last", VERB_READ, NULL, NULL},
    {"update", VERB_UPDATE, NULL, NULL},
    {"edit", VERB_UPDATE, NULL, NULL},
    {"modify", VERB_UPDATE, NULL, NULL},
    {"change", VERB_UPDATE, NULL, NULL},
    {"rename", VERB_UPDATE, NULL, NULL},
    {"patch", VERB_UPDATE, NULL, NULL},
    {"replace", VERB_UPDATE, NULL, NULL},
    {"move", VERB_UPDATE, NULL, NULL},
    {"reschedule", VERB_UPDATE, NULL, NULL},
    {"delete", VERB_DELETE, NULL, NULL},
    {"del", VERB_DELETE, NULL, NULL},
    {"remove", VERB_DELETE, NULL, NULL},
    {"destroy", VERB_DELETE, NULL, NULL},
    {"drop", VERB_DELETE, NULL, NULL},
    {"purge", VERB_DELETE, NULL, NULL},
    {"erase", VERB_DELETE, NULL, NULL},
    {"unset", VERB_DELETE, NULL, NULL},
    {"deregister", VERB_DELETE, NULL, NULL},
    {"unregister", VERB_DELETE, NULL, NULL},
    {"clear", VERB_DELETE, NULL, NULL},
    {"truncate", VERB_DELETE, NULL, NULL},
    {"forget", VERB_DELETE, NULL, NULL},
    {"cancel", VERB_DELETE, "cancelled", NULL},
    {"list", VERB_LIST, NULL, NULL},
    {"all", VERB_LIST, NULL, NULL},
    {"history", VERB_LIST, NULL, NULL},
    {"enumerate", VERB_LIST, NULL, NULL},
    {"browse", VERB_LIST, NULL, NULL},
    {"entries", VERB_LIST, NULL, NULL},
    {"recent", VERB_LIST, NULL, NULL},
    {"latest", VERB_LIST, NULL, NULL},
    {"search", VERB_SEARCH, NULL, NULL},
    {"query", VERB_SEARCH, NULL, NULL},
    {"filter", VERB_SEARCH, NULL, NULL},
    {"find", VERB_SEARCH, NULL, NULL},
    {"nearby", VERB_SEARCH, NULL, NULL},
    {"near", VERB_SEARCH, NULL, NULL},
    {"count", VERB_COUNT, NULL, NULL},
    {"exists", VERB_EXISTS, NULL, NULL},
    {"has", VERB_EXISTS, NULL, NULL},
    {"contains", VERB_EXISTS, NULL, NULL},
    {"ban", VERB_STATE, "banned", NULL},
    {"unban", VERB_STATE, NULL, "banned"},
    {"block", VERB_STATE, "blocked", NULL},
    {"unblock", VERB_STATE, NULL, "blocked"},
    {"archive", VERB_STATE, "archived", NULL},
    {"unarchive", VERB_STATE, NULL, "archived"},
    {"restore", VERB_STATE, "restored", "archived"},
    {"unpublish", VERB_STATE, NULL, "published"},
    {"pay", VERB_STATE, "paid", NULL},
    {"ship", VERB_STATE, "shipped", NULL},
    {"deliver", VERB_STATE, "delivered", NULL},
    {"activate", VERB_STATE, "active", NULL},
    {"deactivate", VERB_STATE, "inactive", "active"},
    {"enable", VERB_STATE, "enabled", "disabled"},
    {"disable", VERB_STATE, "disabled", "enabled"},
    {"suspend", VERB_STATE, "suspended", NULL},
    {"resume", VERB_STATE, "resumed", "suspended"},
    {"approve", VERB_STATE, "approved", "rejected"},
    {"reject", VERB_STATE, "rejected", "approved"},
    {"accept", VERB_STATE, "accepted", "declined"},
    {"decline", VERB_STATE, "declined", "accepted"},
    {"complete", VERB_STATE, "completed", NULL},
    {"finish", VERB_STATE, "finished", NULL},
    {"reopen", VERB_STATE, "open", "closed"},
    {"close", VERB_STATE, "closed", "open"},
    {"lock", VERB_STATE, "locked", NULL},
    {"unlock", VERB_STATE, NULL, "locked"},
    {"mute", VERB_STATE, "muted", NULL},
    {"unmute", VERB_STATE, NULL, "muted"},
    {"silence", VERB_STATE, "silenced", NULL},
    {"mark", VERB_STATE, NULL, NULL}, /* the rest of the name says it: MarkVerified, MarkAsRead */
    {"confirm", VERB_STATE, "confirmed", NULL},
    {"stop", VERB_STATE, "stopped", "started"},
    {"pause", VERB_STATE, "paused", NULL},
    {"refund", VERB_STATE, "refunded", NULL},
    {"capture", VERB_STATE, "captured", NULL},
    {"void", VERB_STATE, "voided", NULL},
    {"authorise", VERB_STATE, "authorised", NULL},
    {"authorize", VERB_STATE, "authorized", NULL},
    {"acknowledge", VERB_STATE, "acknowledged", NULL},
    {"ack", VERB_STATE, "acknowledged", NULL},
    {"dismiss", VERB_STATE, "dismissed", NULL},
    {"expire", VERB_STATE, "expired", NULL},
    {"flag", VERB_STATE, "flagged", NULL},
    {"pin", VERB_STATE, "pinned", NULL},
    {"unpin", VERB_STATE, NULL, "pinned"},
    {"hide", VERB_STATE, "hidden", NULL},
    {"unhide", VERB_STATE, NULL, "hidden"},
    {"feature", VERB_STATE, "featured", NULL},
    {"escalate", VERB_STATE, "escalated", NULL},
    {"release", VERB_STATE, "released", NULL},
    {"return", VERB_STATE, "returned", NULL},
    {"end", VERB_STATE, "ended", NULL},
    {"default", VERB_STATE, "default", NULL},
    {"join", VERB_JOIN, NULL, NULL},
    {"invite", VERB_JOIN, NULL, NULL},
    {"enrol", VERB_JOIN, NULL, NULL},
    {"leave", VERB_LEAVE, NULL, NULL},
    {"kick", VERB_LEAVE, NULL, NULL},
    {"expel", VERB_LEAVE, NULL, NULL},
    {"login", VERB_LOGIN, NULL, NULL},
    {"signin", VERB_LOGIN, NULL, NULL},
    {"authenticate", VERB_LOGIN, NULL, NULL},
    {"generate", VERB_ISSUE, NULL, NULL},
    {"issue", VERB_ISSUE, NULL, NULL},
    {"token", VERB_ISSUE, NULL, NULL},
    {"recover", VERB_ISSUE, NULL, NULL},
    {"verify", VERB_VERIFY, "verified", NULL},
    {"validate", VERB_VERIFY, NULL, NULL},
    {"check", VERB_VERIFY, NULL, NULL},
    {"redeem", VERB_VERIFY, "redeemed", NULL},
    {"introspect", VERB_VERIFY, NULL, NULL},
    {"logout", VERB_REVOKE, NULL, NULL},
    {"signout", VERB_REVOKE, NULL, NULL},
    {"revoke", VERB_REVOKE, "revoked", NULL},
    {"invalidate", VERB_REVOKE, NULL, NULL},
    {"refresh", VERB_REFRESH, NULL, NULL},
    {"renew", VERB_REFRESH, NULL, NULL},
    {"send", VERB_SEND, "sent", NULL},
    {"publish", VERB_SEND, "published", NULL},
    {"broadcast", VERB_SEND, NULL, NULL},
    {"emit", VERB_SEND, NULL, NULL},
    {"notify", VERB_SEND, NULL, NULL},
    {"post", VERB_SEND, NULL, NULL},
    {"push", VERB_SEND, NULL, NULL},
    {"say", VERB_SEND, NULL, NULL},
    {"subscribe", VERB_SUBSCRIBE, NULL, NULL},
    {"consume", VERB_SUBSCRIBE, NULL, NULL},
    {"watch", VERB_SUBSCRIBE, NULL, NULL},
    {"events", VERB_SUBSCRIBE, NULL, NULL},
    {"stream", VERB_SUBSCRIBE, NULL, NULL},
    {"listen", VERB_SUBSCRIBE, NULL, NULL},
    {"tail", VERB_SUBSCRIBE, NULL, NULL},
    {"follow", VERB_SUBSCRIBE, NULL, NULL},
    {"observe", VERB_SUBSCRIBE, NULL, NULL},
    {"live", VERB_SUBSCRIBE, NULL, NULL},
    {"credit", VERB_CREDIT, NULL, NULL},
    {"deposit", VERB_CREDIT, NULL, NULL},
    {"increment", VERB_CREDIT, NULL, NULL},
    {"increase", VERB_CREDIT, NULL, NULL},
    {"topup", VERB_CREDIT, NULL, NULL},
    {"earn", VERB_CREDIT, NULL, NULL},
    {"award", VERB_CREDIT, NULL, NULL},
    {"grant", VERB_CREDIT, NULL, NULL},
    {"restock", VERB_CREDIT, NULL, NULL},
    {"debit", VERB_DEBIT, NULL, NULL},
    {"withdraw", VERB_DEBIT, NULL, NULL},
    {"decrement", VERB_DEBIT, NULL, NULL},
    {"decrease", VERB_DEBIT, NULL, NULL},
    {"spend", VERB_DEBIT, NULL, NULL},
    {"transfer", VERB_TRANSFER, NULL, NULL},
    {"balance", VERB_BALANCE, NULL, NULL},
    {"current", VERB_BALANCE, NULL, NULL},
    {"upload", VERB_UPLOAD, NULL, NULL},
    {"download", VERB_DOWNLOAD, NULL, NULL},
};

const struct verb *verb_find(const char *word)
{
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (strcmp(VERBS[i].word, word) == 0)
            return &VERBS[i];
    return NULL;
}

const char *verb_class_name(enum verb_class class)
{
    static const char *const names[] = {
        [VERB_NONE] = "no verb",   [VERB_CREATE] = "create",       [VERB_SAVE] = "save",
        [VERB_READ] = "read",      [VERB_UPDATE] = "update",       [VERB_DELETE] = "delete",
        [VERB_LIST] = "list",      [VERB_SEARCH] = "search",       [VERB_COUNT] = "count",
        [VERB_EXISTS] = "exists",  [VERB_STATE] = "state",         [VERB_JOIN] = "join",
        [VERB_LEAVE] = "leave",    [VERB_LOGIN] = "log in",        [VERB_ISSUE] = "issue",
        [VERB_VERIFY] = "verify",  [VERB_REVOKE] = "revoke",       [VERB_REFRESH] = "refresh",
        [VERB_SEND] = "send",      [VERB_SUBSCRIBE] = "subscribe", [VERB_CREDIT] = "add up",
        [VERB_DEBIT] = "take off", [VERB_TRANSFER] = "transfer",   [VERB_BALANCE] = "balance",
        [VERB_UPLOAD] = "upload",  [VERB_DOWNLOAD] = "download",
    };
    return names[class];
}
