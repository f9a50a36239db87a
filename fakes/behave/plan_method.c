#include "fakes/behave/plan.h"

#include <stdio.h>
#include <string.h>

static const char *const ROLE_NAMES[] = {
    [ROLE_VALUES] = "values", [ROLE_CREATE] = "create", [ROLE_SAVE] = "save",         [ROLE_READ] = "read",
    [ROLE_UPDATE] = "update", [ROLE_DELETE] = "delete", [ROLE_LIST] = "list",         [ROLE_COUNT] = "count",
    [ROLE_EXISTS] = "exists", [ROLE_STATE] = "state",   [ROLE_JOIN] = "join",         [ROLE_LEAVE] = "leave",
    [ROLE_LOGIN] = "login",   [ROLE_ISSUE] = "issue",   [ROLE_VERIFY] = "verify",     [ROLE_REFRESH] = "refresh",
    [ROLE_CREDIT] = "credit", [ROLE_DEBIT] = "debit",   [ROLE_TRANSFER] = "transfer", [ROLE_SUBSCRIBE] = "subscribe",
    [ROLE_RELAY] = "relay",
};

const char *plan_role_name(enum plan_role role)
{
    return ROLE_NAMES[role];
}

bool plan_role_parse(const char *name, enum plan_role *out)
{
    for (size_t i = 0; i < ROLE_ROLES; i++)
        if (strcmp(ROLE_NAMES[i], name) == 0) {
            *out = (enum plan_role)i;
            return true;
        }
    return false;
}

static bool filler(const char *word)
{
    static const char *const fillers[] = {"by",   "for",   "as",   "to",     "of", "my",  "in",   "with", "all",
                                          "many", "batch", "bulk", "stream", "a",  "the", "from", NULL};
    for (size_t i = 0; fillers[i]; i++)
        if (strcmp(fillers[i], word) == 0)
            return true;
    return false;
}

/* "log in", "sign out", "top up" come as two words when the contract writes LogIn. */
static const struct verb *two_words(const char *first, const char *second)
{
    char both[2 * NAME_MAX_BYTES];
    snprintf(both, sizeof both, "%s%s", first, second);
    return verb_find(both);
}

static void add_word(struct plan_method *m, const char *word)
{
    size_t len = strlen(m->noun);
    snprintf(m->noun + len, sizeof m->noun - len, "%s%s", len > 0 ? "_" : "", word);
}

void plan_name_method(struct plan_method *m)
{
    static const struct verb reset = {"reset", VERB_UPDATE, NULL, NULL};
    static const struct verb unsubscribe = {"unsubscribe", VERB_DELETE, NULL, NULL};
    const struct name *n = &m->name;
    name_split(m->method->name, &m->name);
    m->entity = m->codes = m->token = m->account = m->state = PLAN_NONE;
    if (n->count == 0)
        return;
    size_t from = 1, to = n->count;
    if (n->count > 1 && (m->verb = two_words(n->words[0], n->words[1])) != NULL)
        from = 2;
    else if (strcmp(n->words[0], "reset") == 0)
        m->verb = &reset;
    else if (strcmp(n->words[0], "unsubscribe") == 0)
        m->verb = &unsubscribe;
    else
        m->verb = verb_find(n->words[0]);
    if (m->verb == NULL && n->count > 1 && (m->verb = verb_find(n->words[n->count - 1])) != NULL) {
        from = 0; /* "GoogleLogin", "UserList" */
        to = n->count - 1;
    }
    if (m->verb == NULL)
        from = 0;
    m->class = m->verb ? m->verb->class : VERB_NONE;
    for (size_t i = from; i < to; i++)
        if (!filler(n->words[i]))
            add_word(m, n->words[i]);
    if (m->verb && strcmp(m->verb->word, "mark") == 0) {
        /* What it is marked as is the state, not the noun. */
        m->state_name = n->words[n->count - 1];
        m->noun[0] = '\0';
    }
    /* Over one call to subscribe is to make a subscription. */
    bool subscribes = m->verb && strcmp(m->verb->word, "subscribe") == 0;
    if ((subscribes && !m->method->server_streaming) || m->verb == &unsubscribe) {
        m->class = subscribes ? VERB_CREATE : VERB_DELETE;
        if (!m->noun[0])
            snprintf(m->noun, sizeof m->noun, "subscription");
    }
    if (m->verb && m->class != VERB_NONE)
        plan_because(m, "the verb \"%s\" (%s)", m->verb->word, verb_class_name(m->class));
}

void plan_because(struct plan_method *m, const char *format, ...)
{
    va_list args;
    if (m->why.len > 0)
        text_puts(&m->why, "; ");
    va_start(args, format);
    text_vprintf(&m->why, format, args);
    va_end(args);
}

/* ---- roles ----------------------------------------------------------------------------------------------------- */

static const struct plan_input *input_of(const struct plan_method *m, enum input_use use)
{
    for (size_t i = 0; i < m->inputs.count; i++)
        if (m->inputs.items[i].use == use)
            return &m->inputs.items[i];
    return NULL;
}

static bool has_output(const struct plan_method *m, enum output_use use)
{
    for (size_t i = 0; i < m->outputs.count; i++)
        if (m->outputs.items[i].use == use)
            return true;
    return false;
}

static bool names_key(const struct plan *p, const struct plan_method *m)
{
    const struct plan_entity *e = &p->entities[m->entity];
    for (size_t i = 0; i < m->inputs.count; i++) {
        const struct plan_input *in = &m->inputs.items[i];
        if (in->use == INPUT_KEYS || in->use == INPUT_BODY || in->use == INPUT_BODIES)
            return true;
        if (in->use == INPUT_ATTRIBUTE && e->key_count > 0 && in->attribute == e->keys[0])
            return true;
    }
    return false;
}

static bool answers_list(const struct plan_method *m)
{
    return has_output(m, OUTPUT_ENTITIES) || has_output(m, OUTPUT_ENTITY_MAP) || has_output(m, OUTPUT_KEYS) ||
           has_output(m, OUTPUT_VIEWS);
}

static bool answers_entity(const struct plan_method *m)
{
    return has_output(m, OUTPUT_ENTITY) || has_output(m, OUTPUT_VIEW) ||
           (has_output(m, OUTPUT_ATTRIBUTE) && !answers_list(m));
}

static bool maps_something(const struct plan_method *m)
{
    for (size_t i = 0; i < m->inputs.count; i++)
        if (m->inputs.items[i].attribute != PLAN_NONE || m->inputs.items[i].use == INPUT_BODY)
            return true;
    return false;
}

static void be(struct plan_method *m, enum plan_role role, int score, const char *why)
{
    m->role = role;
    m->score = score;
    plan_because(m, "%s", why);
}

/* The member of a state's enum that a word names: "shipped" for STATE_SHIPPED; NULL: none. */
const struct pb_enum_value *plan_enum_value(const struct pb_enum *e, const char *word)
{
    for (size_t i = 0; i < e->value_count; i++) {
        struct name n;
        name_split(e->values[i].name, &n);
        if (n.count > 0 && (strcmp(n.words[n.count - 1], word) == 0 || name_same(e->values[i].name, word)))
            return &e->values[i];
    }
    return NULL;
}

/* The attribute a verb sets: a flag named as its participle ("banned", "is_banned"), a state that knows the word, or
 * the time of it ("read_at"). */
static bool find_state(struct plan *p, struct plan_method *m)
{
    static const char *const status[] = {"status", "state", "phase", "stage", NULL};
    const struct plan_entity *e = &p->entities[m->entity];
    const char *done = m->state_name ? m->state_name : m->verb->participle;
    m->clears = done == NULL;
    if (m->clears)
        done = m->verb->undoes;
    if (done == NULL)
        return false;
    m->state_name = done;
    for (size_t i = 0; i < e->attributes.count && m->state == PLAN_NONE; i++) {
        const struct attribute *at = &e->attributes.items[i];
        const char *name = name_behind(at->name, "is") ? name_behind(at->name, "is") : at->name;
        if (at->field->kind == PB_BOOL && !at->field->repeated &&
            (name_same(name, done) || (strcmp(done, "read") == 0 && name_same(name, "seen")) ||
             ((strcmp(done, "completed") == 0 || strcmp(done, "finished") == 0) && name_same(name, "done"))))
            m->state = i;
    }
    for (size_t i = 0; i < e->attributes.count && m->state == PLAN_NONE; i++) {
        const struct attribute *at = &e->attributes.items[i];
        const struct pb_field *f = at->field;
        if (f->repeated ||
            !(name_is_one_of(at->name, status) || name_ends(at->name, "_status") || name_ends(at->name, "_state")))
            continue;
        if (f->kind == PB_STRING || (f->kind == PB_ENUM && (plan_enum_value(f->enumeration, done) ||
                                                            plan_enum_value(f->enumeration, m->verb->word))))
            m->state = i;
    }
    for (size_t i = 0; i < e->attributes.count && m->state == PLAN_NONE; i++) {
        const struct attribute *at = &e->attributes.items[i];
        const char *rest = name_behind(at->name, done);
        if (rest && (name_same(rest, "at") || name_same(rest, "timestamp") || name_same(rest, "time")))
            m->state = i;
    }
    /* What it undoes is a flag: "reopen" sets "closed" or "done" back. */
    for (size_t i = 0; m->verb && m->verb->undoes && i < e->attributes.count && m->state == PLAN_NONE; i++) {
        const struct attribute *at = &e->attributes.items[i];
        const char *name = name_behind(at->name, "is") ? name_behind(at->name, "is") : at->name;
        bool done_again = strcmp(m->verb->undoes, "closed") == 0 && name_same(name, "done");
        if (at->field->kind == PB_BOOL && !at->field->repeated && (name_same(name, m->verb->undoes) || done_again)) {
            m->state = i;
            m->clears = true;
            m->state_name = done_again ? "completed" : m->verb->undoes;
        }
    }
    return m->state != PLAN_NONE;
}

/* Whether the request says nothing of the entity but which one it is. */
static bool only_names(const struct plan *p, const struct plan_method *m, bool *brings_more)
{
    const struct plan_entity *e = &p->entities[m->entity];
    bool key = false, more = false;
    *brings_more = false;
    for (size_t i = 0; i < m->inputs.count; i++) {
        const struct plan_input *in = &m->inputs.items[i];
        if (in->use == INPUT_BODY || in->use == INPUT_BODIES)
            return false;
        if (in->use == INPUT_ATTRIBUTE && e->key_count > 0 && in->attribute == e->keys[0])
            key = true;
        more = more || (in->use == INPUT_ATTRIBUTE && in->attribute != PLAN_NONE && !plan_is_key(e, in->attribute) &&
                        e->attributes.items[in->attribute].use == USE_PLAIN);
    }
    *brings_more = more;
    return key;
}

static bool made_otherwise(const struct plan *p, const struct plan_method *m)
{
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *o = &p->methods[i];
        if (o != m && o->entity == m->entity && o->class == VERB_CREATE && o->verb &&
            (strcmp(o->verb->word, "create") == 0 || strcmp(o->verb->word, "add") == 0))
            return true;
    }
    return false;
}

static bool subscribes(const struct plan_method *m)
{
    return m->method->server_streaming && !m->method->client_streaming &&
           (m->class == VERB_SUBSCRIBE || m->class == VERB_JOIN || m->class == VERB_NONE);
}

bool plan_talks(const struct plan_method *m)
{
    static const char *const talk[] = {"chat", "talk", "join", "relay", "connect", "converse", "room", "channel", NULL};
    for (size_t i = 0; talk[i]; i++)
        if (name_has(&m->name, talk[i]))
            return true;
    return false;
}

/* A stream both ways: people who talk in a room, unless the names say otherwise. */
static bool relays(const struct plan_method *m)
{
    return m->method->client_streaming && m->method->server_streaming &&
           (plan_talks(m) || input_of(m, INPUT_TOPIC) != NULL || m->method->input == m->method->output);
}

static bool flushes(const struct plan_method *m)
{
    static const char *const words[] = {"clear", "purge", "truncate", "drop", "all", NULL};
    for (size_t i = 0; words[i]; i++)
        if (name_has(&m->name, words[i]))
            return true;
    return false;
}

/* A request that names something which is not the entity's: what it makes is something else. */
static bool names_another(const struct plan_method *m)
{
    const struct pb_type *t = m->method->input;
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[i];
        bool mapped = false;
        for (size_t k = 0; k < m->inputs.count; k++)
            mapped = mapped || m->inputs.items[k].field == f || m->inputs.items[k].outer == f;
        if (!mapped && field_is_scalar(f) && (name_ends(f->name, "id") || name_ends(f->name, "code")))
            return true;
    }
    return false;
}

/* The service's own entity was taken because the name has no noun. */
static bool by_fallback(const struct plan *p, const struct plan_method *m)
{
    return !m->noun[0] && m->entity == p->fallback && !has_output(m, OUTPUT_ENTITY) && !input_of(m, INPUT_BODY) &&
           !input_of(m, INPUT_BODIES);
}

static bool another_makes(const struct plan *p, const struct plan_method *m)
{
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *o = &p->methods[i];
        if (o != m && o->entity == m->entity && (o->class == VERB_CREATE || o->class == VERB_SEND))
            return true;
    }
    return false;
}

static void role_of_entity(struct plan *p, struct plan_method *m)
{
    const struct plan_entity *e = &p->entities[m->entity];
    bool key = names_key(p, m), list = answers_list(m), one = answers_entity(m);
    enum verb_class class = m->class;
    bool more, names = only_names(p, m, &more);
    if (m->verb && m->verb->participle && names && class != VERB_STATE && class != VERB_DELETE &&
        class != VERB_VERIFY && class != VERB_REVOKE && (class == VERB_READ || made_otherwise(p, m)) &&
        find_state(p, m)) {
        be(m, ROLE_STATE, 85, "names one only, and there is a state for it");
        return;
    }
    switch ((int)class) {
    case VERB_CREATE:
    case VERB_ISSUE:
        if (e->members != PLAN_NONE && key && input_of(m, INPUT_CONTAINS))
            be(m, ROLE_JOIN, 85, "adds one of the request to a list of the entity");
        else if (by_fallback(p, m) && another_makes(p, m) && m->verb && strcmp(m->verb->word, "create") != 0 &&
                 strcmp(m->verb->word, "add") != 0)
            return; /* "Register" beside "Send": of something else */
        else if (one || maps_something(m) || input_of(m, INPUT_BODIES) || m->method->input->field_count == 0)
            be(m, ROLE_CREATE, 95, one ? "answers the entity" : "makes one from the request");
        return;
    case VERB_SEND:
        be(m, ROLE_CREATE, 85, "what is sent is kept for readers and given to subscribers");
        return;
    case VERB_UPLOAD:
        be(m, ROLE_SAVE, 85, "what is uploaded replaces what was there");
        return;
    case VERB_SAVE:
        if (list && !input_of(m, INPUT_BODY) && !input_of(m, INPUT_BODIES)) /* "Index" of a blog */
            be(m, ROLE_LIST, 85, "answers many and is given none");
        else if (maps_something(m) || input_of(m, INPUT_BODIES))
            be(m, ROLE_SAVE, 90, "makes or replaces what the request says");
        return;
    case VERB_READ:
    case VERB_DOWNLOAD:
    case VERB_BALANCE:
        if (list && !one)
            be(m, ROLE_LIST, 90, "answers many");
        else if (key && m->verb && m->verb->participle)
            be(m, ROLE_UPDATE, 60, "no field tells the state: changes what the request says");
        else if (one || key)
            be(m, ROLE_READ, key ? 95 : 70, key ? "finds one by its key" : "finds one by what the request says");
        return;
    case VERB_UPDATE:
        if (key || maps_something(m))
            be(m, ROLE_UPDATE, key ? 95 : 70, key ? "changes the one of that key" : "changes those that match");
        return;
    case VERB_REVOKE:
    case VERB_DELETE:
        if (e->members != PLAN_NONE && key && input_of(m, INPUT_CONTAINS)) {
            be(m, ROLE_LEAVE, 85, "takes one of the request out of a list of the entity");
            return;
        }
        if (m->verb && m->verb->participle && find_state(p, m)) {
            be(m, ROLE_STATE, 85, "there is a state for it");
            return;
        }
        if (!key && !flushes(m) && (!maps_something(m) || (class == VERB_DELETE && by_fallback(p, m))))
            return;
        be(m, ROLE_DELETE, key ? 95 : 75, key ? "takes the one of that key away" : "takes those that match away");
        return;
    case VERB_LIST:
    case VERB_SEARCH:
        if (list)
            be(m, ROLE_LIST, 95, "answers many");
        else if (one && key)
            be(m, ROLE_READ, 70, "answers one");
        return;
    case VERB_COUNT:
        be(m, ROLE_COUNT, has_output(m, OUTPUT_COUNT) ? 95 : 60, "answers how many");
        return;
    case VERB_EXISTS:
        if (key || maps_something(m))
            be(m, ROLE_EXISTS, has_output(m, OUTPUT_YES) ? 95 : 60, "answers whether there is one");
        return;
    case VERB_STATE:
        if (!key && one && find_state(p, m))
            be(m, ROLE_CREATE, 75, "names none: makes one that is so");
        else if (find_state(p, m) && (key || maps_something(m)))
            be(m, ROLE_STATE, 90, m->clears ? "sets a state back" : "sets a state");
        else if (key && !list)
            be(m, ROLE_UPDATE, 60, "no field tells the state: changes what the request says");
        return;
    case VERB_JOIN:
    case VERB_LEAVE:
        if (e->members != PLAN_NONE && key)
            be(m, m->class == VERB_JOIN ? ROLE_JOIN : ROLE_LEAVE, 90, "the entity has a list of members");
        return;
    case VERB_CREDIT:
    case VERB_DEBIT:
        if (!key && has_output(m, OUTPUT_ENTITY))
            be(m, ROLE_CREATE, 60, "names none: an entry of its own");
        else if (key && e->balance != PLAN_NONE && (input_of(m, INPUT_AMOUNT)))
            be(m, m->class == VERB_CREDIT ? ROLE_CREDIT : ROLE_DEBIT, 90, "an amount and a balance");
        return;
    case VERB_TRANSFER:
        if (e->balance != PLAN_NONE && input_of(m, INPUT_AMOUNT) && input_of(m, INPUT_TO))
            be(m, ROLE_TRANSFER, 90, "an amount, two sides and a balance");
        return;
    default:
        if (class == VERB_SUBSCRIBE && !m->method->server_streaming)
            return;
        if (list && m->outputs.count == 1)
            be(m, ROLE_LIST, 70, "answers many and nothing else");
        else if (one && key && class == VERB_NONE && more && !input_of(m, INPUT_BODY))
            be(m, ROLE_UPDATE, 50, "answers one, by its key, and is given more of it");
        else if (one && key)
            be(m, ROLE_READ, 60, "answers one, by its key");
        else if (key && m->method->output->field_count == 0 && class == VERB_VERIFY)
            be(m, ROLE_READ, 50, "names one and answers nothing: it must be there");
        else if (has_output(m, OUTPUT_ENTITY) && class == VERB_NONE && m->method->input->field_count > 0 &&
                 !names_another(m) && !m->method->server_streaming)
            be(m, ROLE_CREATE, 50, "answers one and names none: a new one");
        return;
    }
}

void plan_role(struct plan *p, struct plan_method *m)
{
    if (m->annotated) {
        if (m->role == ROLE_STATE && m->state == PLAN_NONE && m->entity != PLAN_NONE && m->verb)
            find_state(p, m);
        return;
    }
    if (relays(m)) {
        be(m, ROLE_RELAY, 85, "a stream both ways: what one says the others in the room hear");
        return;
    }
    if (subscribes(m) && m->entity != PLAN_NONE) {
        be(m, ROLE_SUBSCRIBE, m->class == VERB_NONE ? 60 : 95, "a stream of what comes");
        return;
    }
    bool credentials = input_of(m, INPUT_PASSWORD) != NULL;
    if (m->class == VERB_LOGIN || (m->class == VERB_CREATE && m->token != PLAN_NONE && credentials)) {
        if (m->token != PLAN_NONE || m->codes != PLAN_NONE) {
            be(m, ROLE_LOGIN, 90,
               m->account != PLAN_NONE ? "the password is checked and a token given"
                                       : "nothing keeps passwords: any is right; a token is given");
            return;
        }
    }
    if (m->class == VERB_REFRESH && m->token != PLAN_NONE) {
        be(m, ROLE_REFRESH, 90, "a new token for the old one");
        return;
    }
    if (m->codes != PLAN_NONE && m->class == VERB_ISSUE && m->entity == m->codes && !input_of(m, INPUT_CODE)) {
        be(m, ROLE_ISSUE, 90, "gives a code");
        return;
    }
    if (m->role == ROLE_ISSUE) /* found with the codes */
        return;
    if (m->codes != PLAN_NONE && input_of(m, INPUT_CODE) &&
        (m->entity == PLAN_NONE || p->entities[m->entity].codes || m->class == VERB_VERIFY)) {
        be(m, ROLE_VERIFY, 90, "a code or token that was given is verified");
        return;
    }
    if (m->token != PLAN_NONE && m->entity == m->token && m->class == VERB_ISSUE) {
        be(m, ROLE_LOGIN, 80,
           m->account != PLAN_NONE && credentials ? "the password is checked and a token given" : "gives a token");
        return;
    }
    if (m->entity != PLAN_NONE)
        role_of_entity(p, m);
    if (m->role == ROLE_VALUES)
        m->score = 0;
}
