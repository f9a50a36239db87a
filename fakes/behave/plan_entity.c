/* Which messages are entities, and which entity a method is about. Evidence is counted: an identifier among the fields,
 * a name that is the service's or a method's noun, requests that bring it and replies that hand it out. */
#include "fakes/behave/plan_inside.h"

#include <stdio.h>
#include <string.h>

#define ENTITY_SCORE_MIN 6
#define CANDIDATES_MAX   128

struct candidate {
    const struct pb_type *type;
    bool by_one, by_list, by_request;
    int score;
};

const char *const PLAN_IDS[] = {"id", "uuid", "uid", "guid", NULL};
const char *const PLAN_NAMES[] = {"key", "slug", "code", "name", "username", "sku", "number", "topic", NULL};
const char *const PLAN_TOKENS[] = {"access_token", "token", "session_token", "api_token", NULL};
static const char *const TOKEN_TYPES[] = {"session", "token", "authtoken", "accesstoken", NULL};

const struct pb_field *plan_type_field(const struct pb_type *t, const char *const *names)
{
    for (; *names; names++)
        for (size_t i = 0; i < t->field_count; i++)
            if (field_is_scalar(&t->fields[i]) && name_same(t->fields[i].name, *names))
                return &t->fields[i];
    return NULL;
}

static bool ends_with_word(const char *type, const char *const *words)
{
    struct name n;
    name_split(type, &n);
    for (; n.count > 0 && *words; words++)
        if (strcmp(n.words[n.count - 1], *words) == 0)
            return true;
    return false;
}

/* Messages that wrap, or that say how: never what a service keeps. */
static bool is_wrapper(const struct pb_type *t)
{
    static const char *const words[] = {"request", "response", "reply",  "options",    "option",
                                        "filter",  "error",    "header", "req",        "rsp",
                                        "resp",    "empty",    "params", "pagination", NULL};
    return ends_with_word(t->name, words) || strncmp(t->full_name, "google.", 7) == 0;
}

static bool is_token_type(const struct pb_type *t)
{
    return name_is_one_of(t->name, TOKEN_TYPES) || (plan_type_field(t, PLAN_TOKENS) && !plan_type_field(t, PLAN_IDS));
}

/* The message a field holds, or a map's values. */
static const struct pb_type *held(const struct pb_field *f)
{
    if (f->kind != PB_MESSAGE)
        return NULL;
    return f->map ? pb_field_by_number(f->message, 2)->message : f->message;
}

static struct candidate *candidate_of(struct candidate *all, size_t *count, const struct pb_type *t)
{
    for (size_t i = 0; i < *count; i++)
        if (all[i].type == t)
            return &all[i];
    if (*count == CANDIDATES_MAX)
        return NULL;
    all[*count] = (struct candidate){.type = t};
    return &all[(*count)++];
}

static bool brings(enum verb_class c)
{
    return c == VERB_CREATE || c == VERB_SAVE || c == VERB_UPDATE || c == VERB_DELETE || c == VERB_SEND;
}

static void see(struct candidate *all, size_t *count, const struct pb_type *t, bool list, bool reply,
                enum verb_class class)
{
    if (t == NULL || t->map_entry || is_wrapper(t))
        return;
    struct candidate *c = candidate_of(all, count, t);
    if (c == NULL)
        return;
    if (reply && list)
        c->by_list = true;
    else if (reply)
        c->by_one = true;
    else if (brings(class))
        c->by_request = true;
}

/* google.protobuf.Struct is what it is called: a "record" that comes and goes, in a service that has no other entity.
 */
static const struct pb_type *find_struct(const struct plan *p)
{
    const struct pb_type *in = NULL, *out = NULL;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        for (size_t k = 0; k < m->method->input->field_count; k++) {
            const struct pb_field *f = &m->method->input->fields[k];
            if (f->kind == PB_MESSAGE && f->message->known == PB_STRUCT && brings(m->class))
                in = f->message;
        }
        for (size_t k = 0; k < m->method->output->field_count; k++) {
            const struct pb_field *f = &m->method->output->fields[k];
            if (f->kind == PB_MESSAGE && !f->map && f->message->known == PB_STRUCT && f->repeated)
                out = f->message;
        }
    }
    return in == out ? in : NULL;
}

static int score_of(const struct plan *p, const struct candidate *c)
{
    const struct pb_type *t = c->type;
    char own[NAME_MAX_BYTES + 4];
    int score = 0;
    snprintf(own, sizeof own, "%.90s_id", t->name);
    const char *const owns[] = {own, NULL};
    if (plan_type_field(t, PLAN_IDS) || plan_type_field(t, owns))
        score += 4;
    else if (plan_type_field(t, PLAN_NAMES))
        score += 2;
    if (is_token_type(t))
        score += 4;
    if (noun_same(t->name, p->service->name) || noun_same(t->name, p->service->package))
        score += 3;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->noun[0] && noun_same(t->name, m->noun)) {
            score += 3;
            break;
        }
    }
    bool both = c->by_request && (c->by_one || c->by_list);
    return score + (c->by_one ? 2 : 0) + (c->by_list ? 2 : 0) + (c->by_request ? 3 : 0) + both;
}

void plan_find_entities(struct plan *p)
{
    struct candidate *all = arena_alloc_n(&p->arena, CANDIDATES_MAX, sizeof *all);
    if (all == NULL) {
        p->failed = true;
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        const struct pb_type *in = m->method->input, *out = m->method->output;
        see(all, &count, in, false, false, m->class);
        see(all, &count, out, m->method->server_streaming, true, m->class);
        for (size_t k = 0; k < in->field_count; k++)
            see(all, &count, held(&in->fields[k]), in->fields[k].repeated, false, m->class);
        for (size_t k = 0; k < out->field_count; k++)
            see(all, &count, held(&out->fields[k]), out->fields[k].repeated, true, m->class);
    }
    for (size_t i = 0; i < count; i++) {
        all[i].score = score_of(p, &all[i]);
        if (all[i].score < ENTITY_SCORE_MIN || plan_entity_of_type(p, all[i].type) != PLAN_NONE)
            continue;
        struct plan_entity *e = plan_entity_add(p, all[i].type->name, all[i].type);
        if (e == NULL)
            return;
        e->score = all[i].score;
        e->codes = is_token_type(all[i].type);
        e->why = arena_printf(&p->arena, "%s%s%s%s%s", plan_type_field(e->type, PLAN_IDS) ? "has an id" : "has a name",
                              all[i].by_request ? ", requests bring it" : "", all[i].by_one ? ", replies hold one" : "",
                              all[i].by_list ? ", replies hold many" : "", e->codes ? ", is a token or session" : "");
    }
    const struct pb_type *record = p->entity_count == 0 ? find_struct(p) : NULL;
    struct plan_entity *e = record ? plan_entity_add(p, "record", record) : NULL;
    if (e)
        e->why = "a free-form message that requests bring and replies hold";
}

/* ---- which entity a method is about ---------------------------------------------------------------------------- */

static void consider(const struct plan *p, const struct plan_method *m, const struct pb_type *t, size_t *best,
                     int *best_score, int score)
{
    size_t e = t ? plan_entity_of_type(p, t) : PLAN_NONE;
    if (e == PLAN_NONE)
        return;
    if (m->noun[0] && noun_same(m->noun, p->entities[e].name))
        score += 10;
    if (m->noun[0] == '\0' && e == p->fallback)
        score += 2;
    if (score > *best_score) {
        *best = e;
        *best_score = score;
    }
}

/* By the messages that come and go. */
size_t plan_by_message(const struct plan *p, const struct plan_method *m)
{
    const struct pb_type *in = m->method->input, *out = m->method->output;
    size_t best = PLAN_NONE;
    int score = 0;
    consider(p, m, out, &best, &score, 4);
    consider(p, m, in, &best, &score, 4);
    /* What makes one and answers many has made something else: the badges earned by it. */
    bool makes_one = m->class == VERB_CREATE || m->class == VERB_SEND;
    for (size_t i = 0; i < out->field_count; i++)
        if (!makes_one || !out->fields[i].repeated)
            consider(p, m, held(&out->fields[i]), &best, &score, 3);
    for (size_t i = 0; i < in->field_count; i++)
        consider(p, m, held(&in->fields[i]), &best, &score, brings(m->class) ? 3 : 1);
    return best;
}

/* The request says "<entity>_id". */
static size_t entity_by_key(const struct plan *p, const struct plan_method *m, bool plain_id)
{
    for (size_t i = 0; i < m->method->input->field_count; i++) {
        const struct pb_field *f = &m->method->input->fields[i];
        if (!field_is_scalar(f))
            continue;
        if (name_same(f->name, "id")) {
            if (plain_id && p->fallback != PLAN_NONE)
                return p->fallback;
            continue;
        }
        for (size_t k = 0; k < p->entity_count; k++)
            if (!p->entities[k].codes && plan_names_key(&p->entities[k], f->name))
                return k;
    }
    /* Or the one by another of its texts: an account by its "email". */
    for (size_t i = 0; plain_id && p->fallback != PLAN_NONE && i < m->method->input->field_count; i++) {
        const struct pb_field *f = &m->method->input->fields[i];
        size_t at = plan_attribute(&p->entities[p->fallback], f->name);
        if (field_is_text(f) && at != PLAN_NONE && field_is_text(p->entities[p->fallback].attributes.items[at].field))
            return p->fallback;
    }
    return PLAN_NONE;
}

/* "AddUser" to what has "users": not a new one, but one more in its list. */
static bool has_list_of(const struct plan_entity *e, const char *noun)
{
    for (size_t i = 0; i < e->attributes.count; i++) {
        const struct attribute *a = &e->attributes.items[i];
        char single[NAME_MAX_BYTES], id[NAME_MAX_BYTES + 4];
        word_singular(a->name, single, sizeof single);
        snprintf(id, sizeof id, "%.90s_id", noun);
        if (a->field->repeated && !a->field->map && (noun_same(single, noun) || name_same(single, id)))
            return true;
    }
    return false;
}

static bool replies_with_list(const struct plan_method *m)
{
    for (size_t i = 0; i < m->method->output->field_count; i++)
        if (m->method->output->fields[i].repeated && m->method->output->fields[i].kind == PB_MESSAGE)
            return true;
    return false;
}

static bool has_number(const struct plan_entity *e)
{
    static const char *const names[] = {"balance", "amount",  "points", "quantity",  "stock", "count",
                                        "value",   "credits", "total",  "available", "level", NULL};
    for (size_t i = 0; i < e->attributes.count; i++)
        if (field_is_numeric(e->attributes.items[i].field) && name_is_one_of(e->attributes.items[i].name, names))
            return true;
    return false;
}

/* What is sent has fields of the entity: a message, a text, a payload. */
static bool shares_fields(const struct plan_entity *e, const struct plan_method *m)
{
    for (size_t i = 0; i < m->method->input->field_count; i++) {
        const struct pb_field *f = &m->method->input->fields[i];
        size_t at = plan_attribute(e, f->name);
        if (at != PLAN_NONE && !name_same(f->name, "id") && field_same_kind(f, e->attributes.items[at].field))
            return true;
    }
    return false;
}

static size_t entity_of(const struct plan *p, struct plan_method *m)
{
    size_t e = plan_by_message(p, m);
    if (e != PLAN_NONE) {
        plan_because(m, "its messages hold %s", p->entities[e].name);
        return e;
    }
    e = m->noun[0] ? plan_entity_of_noun(p, m->noun) : PLAN_NONE;
    bool lists = m->class == VERB_LIST || m->class == VERB_SEARCH;
    if (e != PLAN_NONE && !(lists && replies_with_list(m))) {
        plan_because(m, "\"%s\" is %s", m->noun, p->entities[e].name);
        return e;
    }
    if (m->class == VERB_NONE || (lists && replies_with_list(m)))
        return PLAN_NONE;
    bool changes = m->class == VERB_UPDATE || m->class == VERB_STATE || m->class == VERB_JOIN ||
                   m->class == VERB_LEAVE || m->class == VERB_SAVE;
    if (m->noun[0] || m->class == VERB_SUBSCRIBE) {
        e = entity_by_key(p, m, changes);
        bool one_more = m->class == VERB_CREATE || m->class == VERB_DELETE;
        if (e != PLAN_NONE && one_more && !has_list_of(&p->entities[e], m->noun))
            e = PLAN_NONE;
        if (e != PLAN_NONE)
            plan_because(m, "the request names the key of %s", p->entities[e].name);
        return m->class == VERB_SUBSCRIBE && e == PLAN_NONE ? p->fallback : e;
    }
    if (p->fallback == PLAN_NONE)
        return PLAN_NONE;
    const struct plan_entity *own = &p->entities[p->fallback];
    bool sums =
        m->class == VERB_CREDIT || m->class == VERB_DEBIT || m->class == VERB_TRANSFER || m->class == VERB_BALANCE;
    if ((sums && !has_number(own)) || (m->class == VERB_SEND && !shares_fields(own, m)))
        return PLAN_NONE;
    plan_because(m, "no noun: the service's own %s", own->name);
    return p->fallback;
}

/* The entity methods without a noun are about: named as the service, or that of most methods. */
static void find_fallback(struct plan *p)
{
    size_t uses[PLAN_ENTITIES_MAX] = {0};
    p->fallback = PLAN_NONE;
    for (size_t i = 0; i < p->service->method_count; i++) {
        size_t e = plan_by_message(p, &p->methods[i]);
        if (e != PLAN_NONE && !p->methods[i].noun[0])
            uses[e] += 2;
        else if (e != PLAN_NONE)
            uses[e]++;
    }
    for (size_t i = 0; i < p->entity_count; i++) {
        if (p->entities[i].codes)
            continue;
        if (noun_same(p->entities[i].name, p->service->name) || noun_same(p->entities[i].name, p->service->package))
            uses[i] += 100;
        if (uses[i] > 0 && (p->fallback == PLAN_NONE || uses[i] > uses[p->fallback]))
            p->fallback = i;
    }
    char single[NAME_MAX_BYTES];
    word_singular(p->service->name, single, sizeof single);
    if (p->fallback != PLAN_NONE)
        p->entities[p->fallback].alias = arena_string(&p->arena, single);
}

/* ---- entities without a message of their own -------------------------------------------------------------------- */

bool plan_makes(enum verb_class c)
{
    return c == VERB_CREATE || c == VERB_SAVE || c == VERB_CREDIT || c == VERB_DEBIT || c == VERB_SEND ||
           c == VERB_UPLOAD;
}

bool plan_looks(enum verb_class c)
{
    return c == VERB_READ || c == VERB_LIST || c == VERB_DELETE || c == VERB_EXISTS || c == VERB_COUNT ||
           c == VERB_BALANCE || c == VERB_SEARCH || c == VERB_SUBSCRIBE || c == VERB_DOWNLOAD;
}

static bool same_group(const struct plan_method *a, const struct plan_method *b)
{
    return b->entity == PLAN_NONE && b->role == ROLE_VALUES && !b->annotated && b->codes == PLAN_NONE &&
           ((a->noun[0] == '\0' && b->noun[0] == '\0') || (a->noun[0] && noun_same(a->noun, b->noun)));
}

/* A method that makes one, in the same group as one that looks: what its request says is kept. A list of keys may be
 * called after the service's key ("ListKeys"). */
static void find_without_message(struct plan *p, size_t maker)
{
    const struct plan_method *m = &p->methods[maker];
    bool looked = false, lists = false;
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *other = &p->methods[i];
        if (same_group(m, other) && plan_looks(other->class))
            looked = true;
        else if (m->noun[0] == '\0' && other->entity == PLAN_NONE && other->class == VERB_LIST)
            lists = true;
    }
    if (!looked && !lists)
        return;
    char single[NAME_MAX_BYTES];
    word_singular(m->noun[0] ? m->noun : p->service->name, single, sizeof single);
    struct plan_entity *e = plan_entity_add(p, single, NULL);
    if (e == NULL)
        return;
    e->why = "no message of its own: what requests say is kept";
    size_t index = plan_entity_index(p, e);
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *other = &p->methods[i];
        bool list = m->noun[0] == '\0' && other->entity == PLAN_NONE && other->class == VERB_LIST;
        if (i == maker || ((same_group(m, other) || list) &&
                           (plan_makes(other->class) || plan_looks(other->class) || other->class == VERB_UPDATE))) {
            other->entity = index;
            plan_because(other, "with the methods that keep %s", e->name);
        }
    }
    if (p->fallback == PLAN_NONE)
        p->fallback = index;
}

void plan_assign(struct plan *p)
{
    find_fallback(p);
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        if (m->entity == PLAN_NONE && (m->role == ROLE_VALUES) != m->annotated)
            m->entity = entity_of(p, m);
    }
    for (size_t i = 0; i < p->service->method_count && !p->failed; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->entity == PLAN_NONE && plan_makes(m->class) && m->role == ROLE_VALUES && !m->annotated &&
            m->codes == PLAN_NONE)
            find_without_message(p, i);
    }
}
