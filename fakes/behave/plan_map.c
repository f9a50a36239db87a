/* What each field of a request is to the entity, and from what each field of a reply is made. */
#include "fakes/behave/plan.h"

#include <stdio.h>
#include <string.h>

static const char *const LIMITS[] = {"limit", "page_size",    "per_page", "max_results", "count", "size",
                                     "first", "num_entities", "max",      "top",         NULL};
static const char *const OFFSETS[] = {"offset", "skip", "start", NULL};
static const char *const PAGES[] = {"page", "page_number", NULL};
static const char *const CURSORS[] = {"page_token", "cursor", "next_token", "continuation", "token", "after_id", NULL};
static const char *const ORDERS[] = {"order", "sort_order", "direction", "sort", NULL};
static const char *const ORDER_BYS[] = {"order_by", "sort_by", "orderBy", NULL};
static const char *const QUERIES[] = {"query", "q", "search", "text", "keyword", "keywords", "term", "contains", NULL};
static const char *const AFTERS[] = {"after", "since", "from", "start_time", "start_date", NULL};
static const char *const BEFORES[] = {"before", "until", "to", "end_time", "end_date", NULL};
static const char *const AMOUNTS[] = {"amount", "delta", "quantity", "points", "value", "count", "by", "credits", NULL};
static const char *const LIFETIMES[] = {"ttl", "expiry", "expiration", "expires_in", "ttl_seconds", NULL};
static const char *const SIZES[] = {"size", "length", "digits", NULL};
static const char *const CODES[] = {"code",    "otp",   "pin",          "passcode",      "verification_code",
                                    "api_key", "token", "access_token", "session_token", "session_id",
                                    NULL};
static const char *const PASSWORDS[] = {"password", "secret", "passphrase", NULL};
static const char *const IDEMPOTENCY[] = {"idempotency_key", "request_id", "idempotency_token", NULL};
static const char *const TO[] = {"to",        "to_id",        "to_account", "target",        "target_id",
                                 "recipient", "recipient_id", "to_wallet",  "to_account_id", NULL};
static const char *const FROM[] = {"from",      "from_id",     "from_account",    "source", "source_id",
                                   "sender_id", "from_wallet", "from_account_id", NULL};
static const char *const TOPICS[] = {"topic",    "channel",         "room",      "room_id", "channel_id",
                                     "group_id", "chat_id",         "thread_id", "queue",   "stream",
                                     "session",  "conversation_id", NULL};

static bool listing(const struct plan_method *m)
{
    return m->class == VERB_LIST || m->class == VERB_SEARCH || m->class == VERB_READ || m->class == VERB_NONE ||
           m->class == VERB_COUNT || m->class == VERB_SAVE || m->class == VERB_BALANCE;
}

/* One that puts values into an entity rather than looks for it by them. */
static bool giving(const struct plan_method *m)
{
    return m->class == VERB_CREATE || m->class == VERB_SAVE || m->class == VERB_SEND || m->class == VERB_UPLOAD;
}

static bool replies_with_many(const struct plan_method *m)
{
    const struct pb_type *out = m->method->output;
    for (size_t i = 0; i < out->field_count; i++)
        if (out->fields[i].repeated)
            return true;
    return m->method->server_streaming;
}

static size_t created_attribute(const struct plan_entity *e)
{
    for (size_t i = 0; i < e->attributes.count; i++)
        if (e->attributes.items[i].use == USE_CREATED)
            return i;
    return PLAN_NONE;
}

size_t plan_plural_attribute(const struct plan_entity *e, const struct pb_field *f, size_t *inner)
{
    char single[NAME_MAX_BYTES];
    *inner = 0;
    if (f->repeated || f->kind == PB_MESSAGE)
        return PLAN_NONE;
    for (size_t i = 0; i < e->attributes.count; i++) {
        const struct attribute *a = &e->attributes.items[i];
        if (!a->field->repeated || a->field->map)
            continue;
        word_singular(a->name, single, sizeof single);
        const char *behind = name_behind(f->name, single);
        bool same = name_same(single, f->name) || (behind && name_same(behind, "id"));
        char id[NAME_MAX_BYTES + 4];
        snprintf(id, sizeof id, "%s_id", single);
        same = same || name_same(id, f->name);
        if (!same)
            continue;
        if (a->field->kind == f->kind)
            return i;
        const struct pb_field *key = a->field->kind == PB_MESSAGE ? pb_field_by_name(a->field->message, "id") : NULL;
        if (key && key->kind == f->kind && !key->repeated) {
            *inner = key->number;
            return i;
        }
    }
    return PLAN_NONE;
}

static void add(struct plan *p, struct plan_method *m, struct plan_input in)
{
    if (!array_push(&m->inputs, in))
        p->failed = true;
}

/* What no entity is needed for. */
static bool map_common(struct plan *p, struct plan_method *m, struct plan_input in)
{
    const struct pb_field *f = in.field;
    const struct plan_entity *codes = m->codes != PLAN_NONE ? &p->entities[m->codes] : NULL;
    in.attribute = PLAN_NONE;
    if (field_is_text(f) && name_is_one_of(f->name, IDEMPOTENCY)) {
        in.use = INPUT_IDEMPOTENCY;
    } else if (codes && m->entity != m->codes && field_is_text(f) && name_is_one_of(f->name, CODES)) {
        in.use = INPUT_CODE;
    } else if (codes && m->role != ROLE_ISSUE && m->role != ROLE_LOGIN && field_is_text(f) &&
               name_is_one_of(f->name, CODES) && !(m->class == VERB_REVOKE)) {
        in.use = INPUT_CODE;
    } else if (m->class == VERB_REFRESH && field_is_text(f) && name_ends(f->name, "token")) {
        in.use = INPUT_CODE;
    } else if ((m->class == VERB_ISSUE || m->role == ROLE_ISSUE) && field_is_numeric(f) &&
               name_is_one_of(f->name, LIFETIMES)) {
        in.use = INPUT_LIFETIME;
    } else if ((m->class == VERB_ISSUE || m->role == ROLE_ISSUE) && field_is_numeric(f) &&
               name_is_one_of(f->name, SIZES)) {
        in.use = INPUT_SIZE;
    } else if (field_is_text(f) && name_is_one_of(f->name, PASSWORDS) &&
               (m->class == VERB_LOGIN || (m->token != PLAN_NONE && !giving(m)))) {
        in.use = INPUT_PASSWORD;
    } else if (m->account != PLAN_NONE && m->token != PLAN_NONE && m->class != VERB_REFRESH &&
               (m->class == VERB_LOGIN || m->class == VERB_ISSUE || m->class == VERB_VERIFY) && field_is_text(f) &&
               (in.attribute = plan_attribute(&p->entities[m->account], f->name)) != PLAN_NONE) {
        in.use = INPUT_ACCOUNT;
    } else if ((m->class == VERB_LOGIN || m->class == VERB_ISSUE) && m->token != PLAN_NONE && field_is_text(f) &&
               name_same(f->name, "refresh_token")) {
        in.use = INPUT_CODE;
    } else {
        return false;
    }
    add(p, m, in);
    return true;
}

static bool map_paging(struct plan *p, struct plan_method *m, const struct plan_entity *e, struct plan_input in)
{
    const struct pb_field *f = in.field;
    bool number = field_is_numeric(f), text = field_is_text(f);
    if (number && name_is_one_of(f->name, LIMITS))
        in.use = INPUT_LIMIT;
    else if (number && name_is_one_of(f->name, OFFSETS))
        in.use = INPUT_OFFSET;
    else if (number && name_is_one_of(f->name, PAGES))
        in.use = INPUT_PAGE;
    else if (text && name_is_one_of(f->name, CURSORS))
        in.use = INPUT_CURSOR;
    else if ((text || f->kind == PB_ENUM) && !f->repeated && name_is_one_of(f->name, ORDERS))
        in.use = INPUT_ORDER;
    else if (text && name_is_one_of(f->name, ORDER_BYS))
        in.use = INPUT_ORDER_BY;
    else if (text && name_is_one_of(f->name, QUERIES) &&
             (m->class == VERB_SEARCH || plan_attribute(e, f->name) == PLAN_NONE))
        in.use = INPUT_QUERY;
    else if ((text || f->kind == PB_BOOL) && name_same(f->name, "prefix"))
        in.use = INPUT_PREFIX;
    else if ((text || f->kind == PB_BOOL) && name_same(f->name, "suffix"))
        in.use = INPUT_SUFFIX;
    else
        return false;
    add(p, m, in);
    return true;
}

/* "after", "since", "min_price", "price_min": what a time or number must not be below or above. */
static bool map_range(struct plan *p, struct plan_method *m, const struct plan_entity *e, struct plan_input in)
{
    const struct pb_field *f = in.field;
    if (f->repeated)
        return false;
    const char *rest;
    size_t at = PLAN_NONE;
    in.use = INPUT_AFTER;
    if (name_is_one_of(f->name, AFTERS) || name_is_one_of(f->name, BEFORES)) {
        at = created_attribute(e);
        in.use = name_is_one_of(f->name, AFTERS) ? INPUT_AFTER : INPUT_BEFORE;
        if (at == PLAN_NONE)
            at = plan_attribute(e, "timestamp");
    } else if ((rest = name_behind(f->name, "min")) != NULL || (rest = name_behind(f->name, "from")) != NULL) {
        at = plan_attribute(e, rest);
    } else if ((rest = name_behind(f->name, "max")) != NULL || (rest = name_behind(f->name, "to")) != NULL) {
        at = plan_attribute(e, rest);
        in.use = INPUT_BEFORE;
    }
    if (at == PLAN_NONE || plan_is_key(e, at) || !field_same_kind(e->attributes.items[at].field, f))
        return false;
    in.attribute = at;
    add(p, m, in);
    return true;
}

static bool map_old_and_new(struct plan *p, struct plan_method *m, const struct plan_entity *e, struct plan_input in)
{
    static const struct {
        const char *prefix;
        enum input_use use;
    } prefixes[] = {{"new", INPUT_NEW},
                    {"old", INPUT_OLD},
                    {"current", INPUT_OLD},
                    {"confirm", INPUT_CONFIRM},
                    {"repeat", INPUT_CONFIRM}};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const char *rest = name_behind(in.field->name, prefixes[i].prefix);
        size_t at = rest ? plan_attribute(e, rest) : PLAN_NONE;
        if (at == PLAN_NONE || !field_same_kind(e->attributes.items[at].field, in.field))
            continue;
        in.use = prefixes[i].use;
        in.attribute = at;
        add(p, m, in);
        return true;
    }
    return false;
}

static bool map_sum(struct plan *p, struct plan_method *m, const struct plan_entity *e, struct plan_input in)
{
    if (m->class != VERB_CREDIT && m->class != VERB_DEBIT && m->class != VERB_TRANSFER)
        return false;
    if (field_is_numeric(in.field) && name_is_one_of(in.field->name, AMOUNTS)) {
        in.use = INPUT_AMOUNT;
    } else if (m->class == VERB_TRANSFER && field_is_scalar(in.field) && name_is_one_of(in.field->name, TO)) {
        in.use = INPUT_TO;
    } else if (m->class == VERB_TRANSFER && field_is_scalar(in.field) && name_is_one_of(in.field->name, FROM) &&
               e->key_count > 0) {
        in.use = INPUT_ATTRIBUTE;
        in.attribute = e->keys[0];
    } else {
        return false;
    }
    add(p, m, in);
    return true;
}

static void map_field(struct plan *p, struct plan_method *m, struct plan_input in, bool inside)
{
    const struct pb_field *f = in.field;
    in.attribute = PLAN_NONE;
    if (map_common(p, m, in))
        return;
    static const char *const people[] = {"user_id",    "author_id", "sender_id", "client_id",
                                         "message_id", "from_id",   NULL};
    bool both = m->method->client_streaming && m->method->server_streaming;
    if (both && field_is_text(f) &&
        (name_is_one_of(f->name, TOPICS) ||
         (plan_talks(m) && name_ends(f->name, "_id") && !name_is_one_of(f->name, people)))) {
        in.use = INPUT_TOPIC;
        add(p, m, in);
        return;
    }
    if (m->entity == PLAN_NONE)
        return;
    struct plan_entity *e = &p->entities[m->entity];
    if (f->kind == PB_MESSAGE && e->type && f->message == e->type && !f->map) {
        in.use = f->repeated ? INPUT_BODIES : INPUT_BODY;
        add(p, m, in);
        return;
    }
    if (map_sum(p, m, e, in))
        return;
    if (listing(m) && replies_with_many(m) && map_paging(p, m, e, in))
        return;
    size_t primary = e->key_count > 0 ? e->keys[0] : PLAN_NONE;
    const struct pb_field *key = primary != PLAN_NONE ? e->attributes.items[primary].field : NULL;
    /* "group_ids", "ids": many at once. */
    char single[NAME_MAX_BYTES];
    word_singular(f->name, single, sizeof single);
    if (f->repeated && key && f->kind == key->kind && !name_same(single, f->name) && plan_names_key(e, single)) {
        in.use = INPUT_KEYS;
        in.attribute = primary;
        add(p, m, in);
        return;
    }
    /* What lists a parent's children by "id" means the parent's. */
    bool lists = m->class == VERB_LIST || m->class == VERB_SEARCH || m->class == VERB_NONE;
    if (lists && name_same(f->name, "id") && field_is_scalar(f) && e->parent != PLAN_NONE &&
        e->parent_attribute != PLAN_NONE) {
        in.use = INPUT_ATTRIBUTE;
        in.attribute = e->parent_attribute;
        add(p, m, in);
        return;
    }
    size_t at = plan_attribute(e, f->name);
    /* "billing_account_id" for what the entity calls its "billing_account". */
    if (at == PLAN_NONE && name_ends(f->name, "_id") && strlen(f->name) < NAME_MAX_BYTES) {
        snprintf(single, sizeof single, "%.*s", (int)(strlen(f->name) - 3), f->name);
        at = plan_attribute(e, single);
    }
    /* A subscriber's own name or offset is no filter of what he gets. */
    bool reader = m->class == VERB_SUBSCRIBE || (m->method->server_streaming && m->class == VERB_JOIN);
    if (reader && at != PLAN_NONE && !plan_is_key(e, at) && at != e->parent_attribute &&
        !name_is_one_of(f->name, TOPICS))
        at = PLAN_NONE;
    if (at != PLAN_NONE && field_same_kind(e->attributes.items[at].field, f)) {
        in.use = INPUT_ATTRIBUTE;
        in.attribute = at;
        add(p, m, in);
        return;
    }
    if (key && field_same_kind(key, f) && plan_names_key(e, f->name)) {
        in.use = INPUT_ATTRIBUTE;
        in.attribute = primary;
        add(p, m, in);
        return;
    }
    if (map_old_and_new(p, m, e, in) || (!giving(m) && map_range(p, m, e, in)))
        return;
    /* A service's key may be called after the service: "customer_id" of Customers.Account. */
    char own[NAME_MAX_BYTES + 4], noun[NAME_MAX_BYTES];
    word_singular(p->service->name, noun, sizeof noun);
    snprintf(own, sizeof own, "%s_id", noun);
    if (key && m->entity == p->fallback && field_same_kind(key, f) && name_same(f->name, own)) {
        in.use = INPUT_ATTRIBUTE;
        in.attribute = primary;
        add(p, m, in);
        return;
    }
    at = plan_plural_attribute(e, f, &in.inner);
    if (at != PLAN_NONE && !reader) {
        in.use = INPUT_CONTAINS;
        in.attribute = at;
        add(p, m, in);
        return;
    }
    if (!inside)
        return;
}

/* A message of another type whose fields are the entity's: a description, a draft. */
static bool describes(const struct plan *p, const struct plan_method *m, const struct pb_field *f)
{
    if (m->entity == PLAN_NONE || f->kind != PB_MESSAGE || f->repeated || f->message->known != PB_ORDINARY ||
        f->message == p->entities[m->entity].type || plan_attribute(&p->entities[m->entity], f->name) != PLAN_NONE)
        return false;
    size_t same = 0;
    for (size_t i = 0; i < f->message->field_count; i++) {
        const struct pb_field *g = &f->message->fields[i];
        size_t at = plan_attribute(&p->entities[m->entity], g->name);
        same += at != PLAN_NONE && field_same_kind(g, p->entities[m->entity].attributes.items[at].field);
    }
    return same > 0 && same * 2 >= f->message->field_count;
}

void plan_map_request(struct plan *p, struct plan_method *m)
{
    const struct pb_type *t = m->method->input;
    if (m->entity != PLAN_NONE && p->entities[m->entity].type == t) {
        add(p, m, (struct plan_input){.use = INPUT_BODY, .attribute = PLAN_NONE});
        return;
    }
    for (size_t i = 0; i < t->field_count && !p->failed; i++) {
        const struct pb_field *f = &t->fields[i];
        bool options = (field_is_option(f) && (m->entity == PLAN_NONE || p->entities[m->entity].type != f->message)) ||
                       describes(p, m, f);
        if (!options) {
            map_field(p, m, (struct plan_input){.field = f}, false);
            continue;
        }
        for (size_t k = 0; k < f->message->field_count; k++)
            map_field(p, m, (struct plan_input){.outer = f, .field = &f->message->fields[k]}, true);
    }
}

/* ---- replies --------------------------------------------------------------------------------------------------- */

static bool lists_names(const struct plan_method *m, const struct plan_entity *e, const struct pb_field *f,
                        size_t *attribute)
{
    char single[NAME_MAX_BYTES];
    if (e->key_count == 0 || !f->repeated || f->map)
        return false;
    word_singular(f->name, single, sizeof single);
    for (size_t i = 0; i < e->key_count; i++) {
        const struct attribute *a = &e->attributes.items[e->keys[i]];
        if (f->kind == a->field->kind && name_same(a->name, single)) {
            *attribute = e->keys[i];
            return m->class == VERB_LIST || m->class == VERB_READ || m->class == VERB_NONE || m->class == VERB_SEARCH;
        }
    }
    *attribute = e->keys[0];
    return f->kind == e->attributes.items[e->keys[0]].field->kind &&
           (m->class == VERB_LIST || m->class == VERB_READ || m->class == VERB_NONE || m->class == VERB_SEARCH) &&
           (plan_names_key(e, single) || noun_same(f->name, e->name) || name_same(single, "name"));
}

/* Another message that holds the entity's key and more of it. */
static bool is_view(const struct plan_entity *e, const struct pb_field *f)
{
    size_t same = 0;
    bool key = false;
    if (f->kind != PB_MESSAGE || f->map || f->message->known != PB_ORDINARY || e->key_count == 0)
        return false;
    for (size_t i = 0; i < f->message->field_count; i++) {
        const struct pb_field *g = &f->message->fields[i];
        size_t at = plan_attribute(e, g->name);
        if (e->type && g->kind == PB_MESSAGE && g->message == e->type && !g->repeated)
            return true; /* a hit: the entity, and how well it fits */
        if (at == PLAN_NONE || !field_same_kind(g, e->attributes.items[at].field))
            continue;
        same++;
        key = key || at == e->keys[0];
    }
    return key && same >= 2;
}

static enum output_use by_name(const struct pb_field *f)
{
    static const char *const counts[] = {"count", "total", "total_count", "total_size", "size", "affected", NULL};
    static const char *const cursors[] = {"next_page_token", "next_cursor",  "cursor", "next",
                                          "next_token",      "continuation", NULL};
    static const char *const mores[] = {"has_more", "more", "has_next", NULL};
    static const char *const yes[] = {"success",  "ok",      "valid",   "is_valid",     "exists", "found",    "has",
                                      "verified", "deleted", "created", "updated",      "done",   "accepted", "removed",
                                      "result",   "allowed", "sent",    "acknowledged", NULL};
    static const char *const failures[] = {"error", "errors", "error_message", "message", "reason", NULL};
    static const char *const events[] = {"event", "action", "type", "event_type", "kind", "op", NULL};
    static const char *const nows[] = {"timestamp", "time", NULL};
    if (f->repeated)
        return OUTPUT_VALUE;
    if (field_is_numeric(f) && name_is_one_of(f->name, counts))
        return OUTPUT_COUNT;
    if (field_is_text(f) && name_is_one_of(f->name, cursors))
        return OUTPUT_CURSOR;
    if (f->kind == PB_BOOL && name_is_one_of(f->name, mores))
        return OUTPUT_MORE;
    if (f->kind == PB_BOOL && name_is_one_of(f->name, yes))
        return OUTPUT_YES;
    if (field_is_text(f) && name_is_one_of(f->name, failures))
        return OUTPUT_NOTHING;
    if ((field_is_text(f) || f->kind == PB_ENUM) && name_is_one_of(f->name, events))
        return OUTPUT_EVENT;
    if ((field_is_numeric(f) || field_is_text(f)) && name_is_one_of(f->name, nows))
        return OUTPUT_NOW;
    if (field_is_text(f) && name_same(f->name, "status"))
        return OUTPUT_OK;
    return OUTPUT_VALUE;
}

/* "new_balance", "current_balance": the attribute behind a word. */
static size_t attribute_behind(const struct plan_entity *e, const char *name)
{
    static const char *const words[] = {"new", "current", "updated", NULL};
    for (size_t i = 0; words[i]; i++) {
        const char *rest = name_behind(name, words[i]);
        if (rest && plan_attribute(e, rest) != PLAN_NONE)
            return plan_attribute(e, rest);
    }
    return PLAN_NONE;
}

static struct plan_output output_of(struct plan *p, struct plan_method *m, const struct pb_field *f)
{
    struct plan_output out = {.field = f, .use = OUTPUT_VALUE, .attribute = PLAN_NONE};
    const struct plan_entity *e = m->entity != PLAN_NONE ? &p->entities[m->entity] : NULL;
    const struct plan_entity *token = m->token != PLAN_NONE ? &p->entities[m->token] : NULL;
    const struct pb_type *held = f->kind == PB_MESSAGE && f->map ? pb_field_by_number(f->message, 2)->message : NULL;
    if (token && f->kind == PB_MESSAGE && f->message == token->type && !f->repeated &&
        (m->entity != m->token || m->role == ROLE_LOGIN || m->class != VERB_CREATE)) {
        out.use = OUTPUT_TOKEN;
        return out;
    }
    if (e && e->type && f->kind == PB_MESSAGE && (f->message == e->type || held == e->type)) {
        out.use = f->map ? OUTPUT_ENTITY_MAP : f->repeated ? OUTPUT_ENTITIES : OUTPUT_ENTITY;
        return out;
    }
    if (e && lists_names(m, e, f, &out.attribute)) {
        out.use = OUTPUT_KEYS;
        return out;
    }
    out.attribute = PLAN_NONE;
    if (e && is_view(e, f)) {
        out.use = f->repeated ? OUTPUT_VIEWS : OUTPUT_VIEW;
        return out;
    }
    size_t at = e ? plan_attribute(e, f->name) : PLAN_NONE;
    if (e && at == PLAN_NONE)
        at = attribute_behind(e, f->name);
    if (e && at == PLAN_NONE && e->key_count > 0 && plan_names_key(e, f->name))
        at = e->keys[0];
    enum output_use use = by_name(f);
    bool counting = m->class == VERB_COUNT || m->class == VERB_LIST || m->class == VERB_SEARCH;
    bool asked = m->class == VERB_EXISTS || m->class == VERB_VERIFY;
    bool follows = m->class == VERB_SUBSCRIBE && use == OUTPUT_EVENT;
    if (at != PLAN_NONE && field_same_kind(e->attributes.items[at].field, f) && !(counting && use == OUTPUT_COUNT) &&
        !(asked && use == OUTPUT_YES) && !follows) {
        out.use = OUTPUT_ATTRIBUTE;
        out.attribute = at;
        return out;
    }
    bool sums = m->class == VERB_CREDIT || m->class == VERB_DEBIT || m->class == VERB_BALANCE;
    if (e && sums && e->balance != PLAN_NONE && field_is_numeric(f) &&
        (at == e->balance || name_ends(f->name, "balance"))) {
        out.use = OUTPUT_ATTRIBUTE; /* text and number are converted */
        out.attribute = e->balance;
        return out;
    }
    if (e && m->class == VERB_COUNT && field_is_numeric(f))
        use = OUTPUT_COUNT;
    if (asked && f->kind == PB_BOOL && !f->repeated)
        use = OUTPUT_YES;
    const struct pb_field *echo = pb_field_by_name(m->method->input, f->name);
    bool echoes = echo && field_same_kind(echo, f);
    bool listed = use == OUTPUT_CURSOR || use == OUTPUT_MORE || use == OUTPUT_COUNT;
    if (use == OUTPUT_EVENT && m->class != VERB_SUBSCRIBE && !m->method->server_streaming)
        use = OUTPUT_VALUE;
    if (listed && m->entity == PLAN_NONE)
        use = OUTPUT_VALUE;
    if (echoes && use != OUTPUT_CURSOR) {
        out.use = OUTPUT_ECHO;
        out.echo = echo;
        return out;
    }
    out.use = use;
    return out;
}

void plan_map_reply(struct plan *p, struct plan_method *m)
{
    const struct pb_type *t = m->method->output;
    const struct plan_entity *e = m->entity != PLAN_NONE ? &p->entities[m->entity] : NULL;
    struct plan_output whole = {.attribute = PLAN_NONE};
    if (m->token != PLAN_NONE && p->entities[m->token].type == t)
        whole.use = OUTPUT_TOKEN;
    else if (e && e->type == t)
        whole.use = OUTPUT_ENTITY;
    if (whole.use != OUTPUT_VALUE) {
        if (!array_push(&m->outputs, whole))
            p->failed = true;
        return;
    }
    for (size_t i = 0; i < t->field_count && !p->failed; i++)
        if (!array_push(&m->outputs, output_of(p, m, &t->fields[i])))
            p->failed = true;
}
