/* Members' points (proto/reward/reward.proto): earned by rules, spent on offers. Transfer, points that expire and
 * referrers are not implemented.
 *
 * Table "reward": "member:<user>", with the newest of its entries; "entry:<user>/<number>", each of its entries;
 * "key:<user>/<key>" and "reversal:<user>/<number>", the entry that a caller's key made, and the one that took an entry
 * back; "rule:<name>"; "offer:<id>"; "voucher:<code>", and "end:<code>" what became of it. How points move, and why
 * exactly once, is told in reward_move.c.
 *
 * Rules, offers, earning and taking back are the platform's: its administrators and services. Members see and spend
 * their own. Who earns is a member, whether they enrolled or not. */
#include "runtime/services/backend/reward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SILVER     1000 /* points earned this year (UTC) */
#define GOLD       5000
#define TITLE_MAX  100
#define WORTH_MAX  1000000000 /* points of a rule and of an offer */
#define LIMIT      25
#define OFFERS_MAX 1000

#define ENTRY(member, kind) BACKEND_FIELD(struct reward_entry, member, kind)
static const struct backend_field entry_fields[] = {
    ENTRY(key, FIELD_TEXT), ENTRY(what, FIELD_TEXT), ENTRY(reason, FIELD_TEXT), ENTRY(voucher, FIELD_TEXT),
    ENTRY(seq, FIELD_INT),  ENTRY(kind, FIELD_INT),  ENTRY(points, FIELD_INT),  ENTRY(created, FIELD_INT),
};
#define MEMBER(member, kind) BACKEND_FIELD(struct reward_member, member, kind)
static const struct backend_field member_fields[] = {
    MEMBER(user, FIELD_TEXT),        MEMBER(points, FIELD_INT),        MEMBER(lifetime, FIELD_INT),
    MEMBER(created, FIELD_INT),      MEMBER(entries, FIELD_INT),       MEMBER(year, FIELD_INT),
    MEMBER(in_year, FIELD_INT),      MEMBER(days, FIELD_MAP),          MEMBER(open.key, FIELD_TEXT),
    MEMBER(open.what, FIELD_TEXT),   MEMBER(open.reason, FIELD_TEXT),  MEMBER(open.voucher, FIELD_TEXT),
    MEMBER(open.seq, FIELD_INT),     MEMBER(open.kind, FIELD_INT),     MEMBER(open.points, FIELD_INT),
    MEMBER(open.created, FIELD_INT), MEMBER(open.pending, FIELD_BOOL),
};
#define RULE(member, kind) BACKEND_FIELD(struct reward_rule, member, kind)
static const struct backend_field rule_fields[] = {RULE(name, FIELD_TEXT), RULE(per_unit, FIELD_TEXT),
                                                   RULE(fixed, FIELD_INT), RULE(per_day, FIELD_INT)};
#define OFFER(member, kind) BACKEND_FIELD(struct reward_offer, member, kind)
static const struct backend_field offer_fields[] = {
    OFFER(id, FIELD_TEXT),  OFFER(title, FIELD_TEXT), OFFER(points, FIELD_INT),  OFFER(tier, FIELD_INT),
    OFFER(left, FIELD_INT), OFFER(ends, FIELD_INT),   OFFER(takers, FIELD_LIST),
};
#define SHAPE(fields, what)                                                                                            \
    {                                                                                                                  \
        REWARD_TABLE, "what the store holds of this " what " is damaged", fields, sizeof(fields) / sizeof *(fields)    \
    }
const struct backend_shape reward_members = SHAPE(member_fields, "member"),
                           reward_entries = SHAPE(entry_fields, "entry"), reward_rules = SHAPE(rule_fields, "rule"),
                           reward_offers = SHAPE(offer_fields, "offer");

struct arena *reward_memory(struct reward_work *w)
{
    return rpc_call_arena(w->task.call);
}

bool reward_fail(struct reward_work *w, int code, const char *why)
{
    micro_fail(w->task.call, code, w->task.id, "%s", why);
    return false;
}

struct reward_work *reward_work(struct rpc_call *call, void *context, const char *id, const void *request)
{
    const struct micro_account *caller = backend_caller(call, id);
    struct reward_work *w = caller ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return NULL;
    w->caller = caller;
    w->operator= backend_is_operator(caller);
    w->request = request;
    return w;
}

bool reward_of(struct reward_work *w, char *user)
{
    if (!backend_check_text(w->task.call, w->task.id, "a user_id", user, 1, BACKEND_ID_MAX))
        return false;
    if (!w->operator&& strcmp(user, w->caller->id) != 0)
        return reward_fail(w, 403, "that is somebody else");
    w->user = user;
    w->part = backend_part(reward_memory(w), user);
    if (!w->part)
        task_no_memory(&w->task);
    return w->part != NULL;
}

bool reward_only_operators(struct reward_work *w)
{
    return w->operator|| reward_fail(w, 403, "only the platform's administrators and services may do that");
}

char *reward_key(struct reward_work *w, const char *kind, const char *a, const char *b)
{
    return arena_printf(reward_memory(w), "%s:%s%s%s", kind, a, b ? "/" : "", b ? b : "");
}

static void read_key(struct reward_work *w, char *key, backend_step *next)
{
    if (key)
        task_read(&w->task, REWARD_TABLE, key, false, next);
    else
        task_no_memory(&w->task);
}

/* ---- messages -----------------------------------------------------------------------------------------------------
 */

Reward__Tier reward_tier(const struct reward_work *w, const struct reward_member *m)
{
    time_t now = (time_t)backend_now(w->task.backend);
    struct tm civil = {0};
    (void)gmtime_r(&now, &civil);
    int64_t earned = m->year == civil.tm_year + 1900 ? m->in_year : 0;
    return earned >= GOLD     ? REWARD__TIER__TIER_GOLD
           : earned >= SILVER ? REWARD__TIER__TIER_SILVER
                              : REWARD__TIER__TIER_BRONZE;
}

Reward__Member *reward_member_message(struct reward_work *w)
{
    Reward__Member *m = ARENA_NEW(reward_memory(w), Reward__Member);
    if (!m) {
        task_no_memory(&w->task);
        return NULL;
    }
    reward__member__init(m);
    m->user_id = w->member.user;
    m->points = w->member.points;
    m->lifetime = w->member.lifetime;
    m->tier = reward_tier(w, &w->member);
    m->created = w->member.created;
    return m;
}

Reward__Entry *reward_entry_message(struct reward_work *w, const struct reward_entry *e)
{
    Reward__Entry *m = ARENA_NEW(reward_memory(w), Reward__Entry);
    char *id = arena_printf(reward_memory(w), "%s/%lld", w->part, (long long)e->seq);
    if (!m || !id) {
        task_no_memory(&w->task);
        return NULL;
    }
    reward__entry__init(m);
    m->id = id;
    m->kind = (Reward__EntryKind)e->kind;
    m->points = e->points;
    m->reason = e->reason;
    m->created = e->created;
    return m;
}

Reward__Offer *reward_offer_message(struct reward_work *w, const struct reward_offer *o)
{
    Reward__Offer *m = ARENA_NEW(reward_memory(w), Reward__Offer);
    if (!m) {
        task_no_memory(&w->task);
        return NULL;
    }
    reward__offer__init(m);
    m->id = o->id;
    m->title = o->title;
    m->points = o->points;
    m->tier_min = (Reward__Tier)o->tier;
    m->left = (uint32_t)o->left;
    m->ends = o->ends;
    return m;
}

bool reward_offer_is_on(const struct reward_work *w, const struct reward_offer *o)
{
    return o->left > 0 && (!o->ends || backend_now(w->task.backend) < o->ends);
}

/* ---- Enrol, ReadMember, History ------------------------------------------------------------------------------------
 */

static void enrol_answer(struct reward_work *w)
{
    Reward__EnrolResponse reply = REWARD__ENROL_RESPONSE__INIT;
    reply.member = reward_member_message(w);
    if (reply.member)
        rpc_call_reply(w->task.call, &reply.base);
}

static void enrol_read(struct task *t, const struct backend_answer *a);

static void enrolled(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = (struct reward_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) /* somebody else was first */
        read_key(w, reward_key(w, "member", w->part, NULL), enrol_read);
    else if (!task_failed(t, a, 503))
        enrol_answer(w);
}

static void enrol_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = (struct reward_work *)t;
    if (!task_take(t, &reward_members, a, &w->member, &w->revision))
        return;
    if (w->revision) {
        enrol_answer(w);
        return;
    }
    w->member.user = w->user;
    w->member.created = backend_now(t->backend);
    task_save(t, &reward_members, reward_key(w, "member", w->part, NULL), &w->member, 0, enrolled);
}

static void enrol_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Reward__EnrolRequest *r = (const Reward__EnrolRequest *)(const void *)message;
    struct reward_work *w = reward_work(call, context, "reward.Reward.Enrol", r);
    if (!w || !reward_of(w, r->user_id))
        return;
    if (r->referrer_id[0])
        (void)reward_fail(w, 501, "points for who referred somebody are not implemented");
    else
        read_key(w, reward_key(w, "member", w->part, NULL), enrol_read);
}

static void member_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = (struct reward_work *)t;
    if (!task_take(t, &reward_members, a, &w->member, &w->revision))
        return;
    if (w->revision)
        w->done(w);
    else
        (void)reward_fail(w, 404, "there is no such member");
}

static void read_answer(struct reward_work *w)
{
    Reward__ReadMemberResponse reply = REWARD__READ_MEMBER_RESPONSE__INIT;
    reply.member = reward_member_message(w);
    if (reply.member)
        rpc_call_reply(w->task.call, &reply.base);
}

static void read_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Reward__ReadMemberRequest *r = (const Reward__ReadMemberRequest *)(const void *)message;
    struct reward_work *w = reward_work(call, context, "reward.Reward.ReadMember", r);
    if (!w || !reward_of(w, r->user_id))
        return;
    w->done = read_answer;
    read_key(w, reward_key(w, "member", w->part, NULL), member_read);
}

struct history_work {
    struct reward_work work;
    int64_t first; /* the page's newest number; 0: the newest there is */
    size_t limit;
    struct backend_op *ops;
};

static void history_read(struct task *t, const struct backend_answer *a)
{
    struct history_work *h = (struct history_work *)(void *)t;
    struct reward_work *w = &h->work;
    Reward__HistoryResponse reply = REWARD__HISTORY_RESPONSE__INIT;
    if (task_failed(t, a, 500))
        return;
    reply.entries = ARENA_NEW_N(reward_memory(w), Reward__Entry *, h->limit + 1);
    if (!reply.entries) {
        task_no_memory(t);
        return;
    }
    for (size_t i = 0; i < h->limit; i++) {
        struct reward_entry e = {0};
        const struct backend_op *op = &h->ops[i];
        if (h->first - (int64_t)i == w->member.open.seq)
            e = w->member.open; /* it may not stand for itself yet */
        else if (op->count == 0 ||
                 !backend_decode(reward_memory(w), entry_fields, reward_entries.count, op->found[0].value, &e)) {
            (void)reward_fail(w, 500, reward_entries.damaged);
            return;
        }
        if (!(reply.entries[reply.n_entries++] = reward_entry_message(w, &e)))
            return;
    }
    int64_t next = h->first - (int64_t)h->limit;
    if (next > 0 && !(reply.next_cursor = arena_printf(reward_memory(w), "%lld", (long long)next)))
        task_no_memory(t);
    else
        rpc_call_reply(t->call, &reply.base);
}

/* Entries are numbered without gaps, so that a page is read by its numbers. */
static void history_member(struct reward_work *w)
{
    struct history_work *h = (struct history_work *)(void *)w;
    int64_t newest = w->member.entries;
    h->first = h->first && h->first < newest ? h->first : newest;
    h->limit = h->first < (int64_t)h->limit ? (size_t)h->first : h->limit;
    h->ops = ARENA_NEW_N(reward_memory(w), struct backend_op, h->limit + 1);
    bool ok = h->ops != NULL;
    for (size_t i = 0; ok && i < h->limit; i++) {
        char *number = arena_printf(reward_memory(w), "%lld", (long long)(h->first - (int64_t)i));
        char *key = number ? reward_key(w, "entry", w->part, number) : NULL;
        h->ops[i] = (struct backend_op){.kind = OP_READ, .key = key};
        ok = key != NULL;
    }
    if (ok)
        task_batch(&w->task, REWARD_TABLE, h->ops, h->limit, history_read);
    else
        task_no_memory(&w->task);
}

static void history_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.History";
    const Reward__HistoryRequest *r = (const Reward__HistoryRequest *)(const void *)message;
    const struct reward_work *w = reward_work(call, context, id, r);
    struct history_work *h = w ? task_new(sizeof *h, context, call, id) : NULL;
    char *end = r->cursor;
    if (!h)
        return;
    h->work = *w;
    h->limit = r->limit ? r->limit : LIMIT;
    if (!reward_of(&h->work, r->user_id) || (r->limit && !backend_check_page(call, id, r->limit, 100)))
        return;
    h->first = r->cursor[0] ? strtoll(r->cursor, &end, 10) : 0;
    if (*end || (r->cursor[0] && h->first < 1)) {
        (void)reward_fail(&h->work, 400, "that is no cursor of a page");
        return;
    }
    h->work.done = history_member;
    read_key(&h->work, reward_key(&h->work, "member", h->work.part, NULL), member_read);
}

/* ---- rules ---------------------------------------------------------------------------------------------------------
 */

static void rule_set(struct task *t, const struct backend_answer *a)
{
    static const Reward__SetRuleResponse empty = REWARD__SET_RULE_RESPONSE__INIT;
    if (!task_failed(t, a, 503))
        rpc_call_reply(t->call, &empty.base);
}

static const char *wrong_rule(const Reward__Rule *r)
{
    if (r->worth_case == REWARD__RULE__WORTH_FIXED)
        return r->fixed < 1 || r->fixed > WORTH_MAX ? "a fixed number of points is 1 to 1000000000" : NULL;
    if (r->worth_case == REWARD__RULE__WORTH_PER_UNIT)
        return r->per_unit > 0 && r->per_unit <= WORTH_MAX ? NULL : "points for a unit are above 0, to 1000000000";
    return "a rule says what it is worth: fixed or per_unit";
}

static void set_rule_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.SetRule";
    static char nothing[] = "";
    const Reward__Rule *r = ((const Reward__SetRuleRequest *)(const void *)message)->rule;
    struct reward_work *w = reward_work(call, context, id, r);
    if (!w || !reward_only_operators(w))
        return;
    if (!r) {
        (void)reward_fail(w, 400, "a rule is required");
        return;
    }
    const char *wrong = wrong_rule(r);
    if (!backend_check_text(call, id, "a rule's name", r->name, 1, TITLE_MAX))
        return;
    if (wrong || r->expire_days) {
        (void)reward_fail(w, wrong ? 400 : 501, wrong ? wrong : "points that expire are not implemented");
        return;
    }
    bool fixed = r->worth_case == REWARD__RULE__WORTH_FIXED;
    struct reward_rule rule = {.name = r->name,
                               .fixed = fixed ? r->fixed : 0,
                               .per_unit = fixed ? nothing : arena_printf(reward_memory(w), "%.17g", r->per_unit),
                               .per_day = r->per_day};
    char *part = backend_part(reward_memory(w), r->name);
    if (part && rule.per_unit)
        task_save(&w->task, &reward_rules, reward_key(w, "rule", part, NULL), &rule, BACKEND_ALWAYS, rule_set);
    else
        task_no_memory(&w->task);
}

/* ---- offers --------------------------------------------------------------------------------------------------------
 */

static void offer_written(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = (struct reward_work *)t;
    Reward__CreateOfferResponse reply = REWARD__CREATE_OFFER_RESPONSE__INIT;
    if (task_failed(t, a, 503))
        return;
    reply.offer = reward_offer_message(w, &w->offer);
    if (reply.offer)
        rpc_call_reply(t->call, &reply.base);
}

static void create_offer_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.CreateOffer";
    const Reward__Offer *o = ((const Reward__CreateOfferRequest *)(const void *)message)->offer;
    struct reward_work *w = reward_work(call, context, id, o);
    char uuid[37];
    if (!w || !reward_only_operators(w))
        return;
    const char *wrong = !o                                       ? "an offer is required"
                        : o->points < 1 || o->points > WORTH_MAX ? "an offer is worth 1 to 1000000000 points"
                        : o->left < 1                            ? "an offer has one piece left, or more"
                        : o->ends && o->ends <= backend_now(w->task.backend) ? "the offer has ended before it began"
                        : (int)o->tier_min < 0 || o->tier_min > REWARD__TIER__TIER_GOLD ? "there is no such tier"
                                                                                        : NULL;
    if (wrong || !o) {
        (void)reward_fail(w, 400, wrong ? wrong : "an offer is required");
        return;
    }
    if (!backend_check_text(call, id, "a title", o->title, 1, TITLE_MAX))
        return;
    w->offer = (struct reward_offer){
        .id = micro_uuid(w->task.backend->world, uuid) == 0 ? arena_string(reward_memory(w), uuid) : NULL,
        .title = o->title,
        .points = o->points,
        .tier = o->tier_min,
        .left = o->left,
        .ends = o->ends};
    if (w->offer.id)
        task_save(&w->task, &reward_offers, reward_key(w, "offer", w->offer.id, NULL), &w->offer, 0, offer_written);
    else
        task_no_memory(&w->task);
}

struct offers_work {
    struct reward_work work;
    bool of_member;
    struct reward_offer offers[OFFERS_MAX];
    size_t count;
};

static bool offer_each(struct task *t, const struct backend_found *f)
{
    struct offers_work *l = (struct offers_work *)(void *)t;
    struct reward_work *w = &l->work;
    struct reward_offer o = {0};
    if (!f) {
        l->count = 0;
        return true;
    }
    if (!backend_decode(reward_memory(w), offer_fields, reward_offers.count, f->value, &o))
        return reward_fail(w, 500, reward_offers.damaged);
    if (!reward_offer_is_on(w, &o) ||
        (l->of_member && (w->member.points < o.points || reward_tier(w, &w->member) < (Reward__Tier)o.tier)))
        return true;
    if (l->count == OFFERS_MAX)
        return reward_fail(w, 507, "there are more than 1000 offers");
    l->offers[l->count++] = o;
    return true;
}

static int by_points(const void *a, const void *b)
{
    const struct reward_offer *x = a, *y = b;
    return x->points != y->points ? (x->points < y->points ? -1 : 1) : strcmp(x->id, y->id);
}

static void offers_read(struct task *t, const struct backend_answer *a)
{
    struct offers_work *l = (struct offers_work *)(void *)t;
    Reward__ListOffersResponse reply = REWARD__LIST_OFFERS_RESPONSE__INIT;
    (void)a; /* a scan that failed has failed the call */
    qsort(l->offers, l->count, sizeof *l->offers, by_points);
    reply.offers = ARENA_NEW_N(reward_memory(&l->work), Reward__Offer *, l->count + 1);
    if (!reply.offers) {
        task_no_memory(t);
        return;
    }
    for (size_t i = 0; i < l->count; i++)
        if (!(reply.offers[reply.n_offers++] = reward_offer_message(&l->work, &l->offers[i])))
            return;
    rpc_call_reply(t->call, &reply.base);
}

static void list_offers(struct reward_work *w)
{
    task_scan(&w->task, REWARD_TABLE, "offer:", offer_each, offers_read);
}

static void list_offers_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.ListOffers";
    const Reward__ListOffersRequest *r = (const Reward__ListOffersRequest *)(const void *)message;
    const struct reward_work *w = reward_work(call, context, id, r);
    struct offers_work *l = w ? task_new(sizeof *l, context, call, id) : NULL;
    if (!l)
        return;
    l->work = *w;
    l->work.done = list_offers;
    l->of_member = r->user_id[0] != '\0';
    if (!l->of_member)
        list_offers(&l->work);
    else if (reward_of(&l->work, r->user_id))
        read_key(&l->work, reward_key(&l->work, "member", l->work.part, NULL), member_read);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &reward__##stem##_request__descriptor,                                                \
        .output = &reward__##stem##_response__descriptor, .unary = handler                                             \
    }
static const struct rpc_method methods[] = {
    METHOD("Enrol", enrol, enrol_handler),
    METHOD("ReadMember", read_member, read_handler),
    METHOD("Earn", earn, reward_earn),
    METHOD("Redeem", redeem, reward_redeem),
    METHOD("Reverse", reverse, reward_reverse),
    METHOD("History", history, history_handler),
    METHOD("SetRule", set_rule, set_rule_handler),
    METHOD("CreateOffer", create_offer, create_offer_handler),
    METHOD("ListOffers", list_offers, list_offers_handler),
    METHOD("UseVoucher", use_voucher, reward_use_voucher),
};
static const struct rpc_service served = {"reward.Reward", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_reward = {.name = "reward", .setup = setup, .stop = backend_stop};
