/* How points come and go: each movement exactly once, whoever dies in between.
 *
 * One write of the member's record, on the condition that nobody else wrote it, moves the points and says which entry
 * did it (`open`). Afterwards the entry is written under its number and under the caller's key. Who comes to a member
 * next writes its open entry once more, and looks for a key of their own after that: so a key that leads to nothing has
 * moved nothing, as long as the member's record is the one that was read before. */
#include "runtime/services/backend/reward.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOST           1e-6 /* of a point: 100 times 0.29 is a little less than 29 */
#define VOUCHER_LENGTH 12
#define TRIES          8                        /* when somebody else changed the member meanwhile */
#define POINTS_MAX     ((int64_t)1000000000000) /* of a member */

struct voucher {
    char *user, *offer, *entry;
};
static const struct backend_field voucher_fields[] = {BACKEND_FIELD(struct voucher, user, FIELD_TEXT),
                                                      BACKEND_FIELD(struct voucher, offer, FIELD_TEXT),
                                                      BACKEND_FIELD(struct voucher, entry, FIELD_TEXT)};
static const struct backend_shape vouchers = {REWARD_TABLE, "what the store holds under this voucher is none",
                                              voucher_fields, 3};

static struct reward_work *work_of(struct task *t)
{
    return (struct reward_work *)t;
}

static void read_member(struct reward_work *w, backend_step *next)
{
    char *key = reward_key(w, "member", w->part, NULL);
    if (key)
        task_read(&w->task, REWARD_TABLE, key, false, next);
    else
        task_no_memory(&w->task);
}

static void try_again(struct reward_work *w)
{
    if (++w->tries < TRIES)
        reward_move(w);
    else
        (void)reward_fail(w, 409, "the member's points are being moved; try again");
}

/* ---- an entry that stands for itself ------------------------------------------------------------------------------
 */

/* What takes entry 7 back has the key 7, apart from those that callers choose. */
static const char *kind_of_key(const struct reward_entry *e)
{
    return e->kind == REWARD__ENTRY_KIND__ENTRY_KIND_REVERSED ? "reversal" : "key";
}

/* Written on no condition: whoever writes it writes the same. */
static void write_entry(struct reward_work *w, const struct reward_entry *e, backend_step *next)
{
    struct arena *m = reward_memory(w);
    struct backend_op *ops = ARENA_NEW_N(m, struct backend_op, 3);
    char *number = arena_printf(m, "%lld", (long long)e->seq), *key = backend_part(m, e->key);
    char *json = backend_encode(m, reward_entries.fields, reward_entries.count, e);
    const struct voucher v = {w->member.user, e->what, number ? arena_printf(m, "%s/%s", w->part, number) : NULL};
    size_t n = 2;
    if (!ops || !number || !key || !json || !v.entry) {
        task_no_memory(&w->task);
        return;
    }
    ops[0] = (struct backend_op){.kind = OP_WRITE, .key = reward_key(w, "entry", w->part, number), .json = json};
    ops[1] = (struct backend_op){.kind = OP_WRITE, .key = reward_key(w, kind_of_key(e), w->part, key), .json = json};
    if (e->voucher[0])
        ops[n++] = (struct backend_op){.kind = OP_WRITE,
                                       .key = reward_key(w, "voucher", e->voucher, NULL),
                                       .json = backend_encode(m, voucher_fields, 3, &v)};
    for (size_t i = 0; i < n; i++)
        if (!ops[i].key || !ops[i].json) {
            task_no_memory(&w->task);
            return;
        }
    task_batch(&w->task, REWARD_TABLE, ops, n, next);
}

/* ---- a piece of an offer ------------------------------------------------------------------------------------------
 */

/* A redemption is pending until it has a piece of its offer: the points are gone, and when no piece is left they come
 * back. Whoever comes to the member brings it to its end. The offer is read before the member: while the redemption
 * is pending then, nobody has taken its voucher's name out of the offer, so no second piece is taken for it. Pieces
 * only ever become fewer: who saw none left is never wrong later. */

static void read_offer(struct reward_work *w, const char *id, backend_step *next)
{
    char *key = reward_key(w, "offer", id, NULL);
    if (key)
        task_read(&w->task, REWARD_TABLE, key, false, next);
    else
        task_no_memory(&w->task);
}

static void save_offer(struct reward_work *w, backend_step *next)
{
    task_save(&w->task, &reward_offers, reward_key(w, "offer", w->offer.id, NULL), &w->offer, w->offer_revision, next);
}

static void decided(struct task *t, const struct backend_answer *a)
{
    if (a->status == GRPC_FAILED_PRECONDITION)
        try_again(work_of(t));
    else if (!task_failed(t, a, 503))
        reward_move(work_of(t));
}

static void decide(struct reward_work *w, bool has_piece)
{
    static char nothing[] = "";
    struct reward_member *m = &w->member;
    if (has_piece) {
        m->open.pending = false;
    } else {
        m->points -= m->open.points;
        m->entries--;
        m->open = (struct reward_entry){.key = nothing, .what = nothing, .reason = nothing, .voucher = nothing};
    }
    task_save(&w->task, &reward_members, reward_key(w, "member", w->part, NULL), m, w->revision, decided);
}

static void piece_taken(struct task *t, const struct backend_answer *a)
{
    if (a->status == GRPC_FAILED_PRECONDITION)
        try_again(work_of(t));
    else if (!task_failed(t, a, 503))
        decide(work_of(t), true);
}

static void still_pending(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    struct reward_member now = {0};
    const char *name = w->member.open.voucher;
    uint64_t revision;
    if (!task_take(t, &reward_members, a, &now, &revision))
        return;
    if (revision != w->revision) {
        try_again(w);
    } else if (backend_list_has(&w->offer.takers, name)) {
        decide(w, true);
    } else if (w->offer.left == 0) {
        decide(w, false);
    } else if (backend_list_add(reward_memory(w), &w->offer.takers, name)) {
        w->offer.left--;
        save_offer(w, piece_taken);
    } else {
        task_no_memory(t);
    }
}

static void pending_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    w->offer = (struct reward_offer){0};
    if (task_take(t, &reward_offers, a, &w->offer, &w->offer_revision))
        read_member(w, still_pending);
}

/* ---- a movement ---------------------------------------------------------------------------------------------------
 */

static void key_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    struct reward_entry found = {0};
    uint64_t revision;
    if (!task_take(t, &reward_entries, a, &found, &revision))
        return;
    if (!revision) {
        w->begin(w);
    } else if (found.kind != w->entry.kind || strcmp(found.what, w->entry.what) != 0) {
        (void)reward_fail(w, 412, "this key has moved other points");
    } else {
        w->entry = found;
        w->done(w);
    }
}

static void look_for_key(struct reward_work *w)
{
    char *part = backend_part(reward_memory(w), w->entry.key),
         *key = part ? reward_key(w, kind_of_key(&w->entry), w->part, part) : NULL;
    if (key)
        task_read(&w->task, REWARD_TABLE, key, false, key_read);
    else
        task_no_memory(&w->task);
}

static void open_written(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        look_for_key(work_of(t));
}

static void member_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    w->member = (struct reward_member){0};
    if (!task_take(t, &reward_members, a, &w->member, &w->revision))
        return;
    if (!w->revision && w->entry.kind != REWARD__ENTRY_KIND__ENTRY_KIND_EARNED)
        (void)reward_fail(w, 404, "there is no such member");
    else if (w->revision && w->member.open.pending)
        read_offer(w, w->member.open.what, pending_read);
    else if (w->revision && w->member.open.key[0])
        write_entry(w, &w->member.open, open_written);
    else
        look_for_key(w);
}

void reward_move(struct reward_work *w)
{
    read_member(w, member_read);
}

static void committed_entry(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 503))
        work_of(t)->done(work_of(t));
}

static void committed(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    if (a->status == GRPC_FAILED_PRECONDITION)
        try_again(w);
    else if (!task_failed(t, a, 503) && w->entry.pending)
        reward_move(w); /* there its end is found */
    else if (a->status == GRPC_OK)
        write_entry(w, &w->entry, committed_entry);
}

/* What was earned and what of it was taken back. */
static void count_earned(struct reward_member *m, int64_t points, int64_t now)
{
    time_t at = (time_t)now;
    struct tm civil = {0};
    (void)gmtime_r(&at, &civil);
    if (m->year != civil.tm_year + 1900) {
        m->year = civil.tm_year + 1900;
        m->in_year = 0;
    }
    m->lifetime += points;
    m->in_year = m->in_year + points > 0 ? m->in_year + points : 0;
}

void reward_commit(struct reward_work *w)
{
    static char nothing[] = "";
    struct reward_member *m = &w->member;
    struct reward_entry *e = &w->entry;
    char *key = reward_key(w, "member", w->part, NULL);
    e->created = backend_now(w->task.backend);
    if (m->points + e->points < 0) {
        (void)reward_fail(w, 412, "there are not so many points");
        return;
    }
    if (m->points + e->points > POINTS_MAX) {
        (void)reward_fail(w, 412, "a member has at most 1000000000000 points");
        return;
    }
    if (!w->revision) {
        m->user = w->user;
        m->created = e->created;
    }
    e->voucher = e->voucher ? e->voucher : nothing;
    e->seq = ++m->entries;
    m->points += e->points;
    if (e->kind == REWARD__ENTRY_KIND__ENTRY_KIND_EARNED ||
        (e->kind == REWARD__ENTRY_KIND__ENTRY_KIND_REVERSED && e->points < 0))
        count_earned(m, e->points, e->created);
    m->open = *e;
    task_save(&w->task, &reward_members, key, m, w->revision, committed);
}

/* ---- Earn ---------------------------------------------------------------------------------------------------------
 */

static void earn_done(struct reward_work *w)
{
    Reward__EarnResponse reply = REWARD__EARN_RESPONSE__INIT;
    reply.entry = reward_entry_message(w, &w->entry);
    reply.member = reply.entry ? reward_member_message(w) : NULL;
    if (reply.member)
        rpc_call_reply(w->task.call, &reply.base);
}

/* False: enough for today, or no memory; the call was failed. */
static bool count_today(struct reward_work *w)
{
    struct backend_list *d = &w->member.days;
    long long today = (long long)(backend_now(w->task.backend) / 86400), times = 0, day;
    size_t at = 0;
    while (at < d->count && strcmp(d->items[at], w->rule.name) != 0)
        at += 2;
    const char *colon = at < d->count ? strchr(d->items[at + 1], ':') : NULL;
    if (colon) {
        day = strtoll(d->items[at + 1], NULL, 10);
        times = day == today ? strtoll(colon + 1, NULL, 10) : 0;
    }
    if (times >= w->rule.per_day)
        return reward_fail(w, 412, "the rule gives no more points today");
    char *count = arena_printf(reward_memory(w), "%lld:%lld", today, times + 1);
    bool ok = count != NULL;
    if (ok && at < d->count)
        d->items[at + 1] = count;
    else if (ok)
        ok = backend_list_add(reward_memory(w), d, w->rule.name) && backend_list_add(reward_memory(w), d, count);
    if (!ok)
        task_no_memory(&w->task);
    return ok;
}

static void rule_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    const Reward__EarnRequest *r = w->request;
    uint64_t revision;
    if (!task_take(t, &reward_rules, a, &w->rule, &revision))
        return;
    if (!revision) {
        (void)reward_fail(w, 404, "there is no such rule");
        return;
    }
    double points = w->rule.per_unit[0] ? r->amount * strtod(w->rule.per_unit, NULL) : (double)w->rule.fixed;
    if (points > (double)POINTS_MAX) {
        (void)reward_fail(w, 400, "that is more points than a member can have");
        return;
    }
    w->entry.points = (int64_t)(points + LOST);
    if (!w->rule.per_day || count_today(w))
        reward_commit(w);
}

static void earn_begin(struct reward_work *w)
{
    char *part = backend_part(reward_memory(w), w->entry.what), *key = part ? reward_key(w, "rule", part, NULL) : NULL;
    if (key)
        task_read(&w->task, REWARD_TABLE, key, false, rule_read);
    else
        task_no_memory(&w->task);
}

static bool check_key(struct reward_work *w, const char *key)
{
    return backend_check_text(w->task.call, w->task.id, "an idempotency_key", key, 1, BACKEND_ID_MAX);
}

void reward_earn(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.Earn";
    const Reward__EarnRequest *r = (const Reward__EarnRequest *)(const void *)message;
    struct reward_work *w = reward_work(call, context, id, r);
    if (!w || !reward_only_operators(w) || !reward_of(w, r->user_id) ||
        !backend_check_text(call, id, "a rule", r->rule, 1, BACKEND_ID_MAX) || !check_key(w, r->idempotency_key) ||
        !backend_check_text(call, id, "a reference", r->reference, 0, BACKEND_ID_MAX))
        return;
    if (!(r->amount >= 0 && r->amount <= (double)POINTS_MAX)) {
        (void)reward_fail(w, 400, "an amount is 0 to 1000000000000");
        return;
    }
    w->entry = (struct reward_entry){
        .key = r->idempotency_key,
        .what = r->rule,
        .kind = REWARD__ENTRY_KIND__ENTRY_KIND_EARNED,
        .reason = r->reference[0] ? arena_printf(reward_memory(w), "%s %s", r->rule, r->reference) : r->rule};
    w->begin = earn_begin;
    w->done = earn_done;
    if (w->entry.reason)
        reward_move(w);
    else
        task_no_memory(&w->task);
}

/* ---- Redeem -------------------------------------------------------------------------------------------------------
 */

static void redeem_answer(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    Reward__RedeemResponse reply = REWARD__REDEEM_RESPONSE__INIT;
    (void)a; /* the name of who took a piece stays: it does no harm */
    reply.voucher = w->entry.voucher;
    reply.member = reward_member_message(w);
    if (reply.member)
        rpc_call_reply(t->call, &reply.base);
}

static bool take_name_out(struct reward_work *w)
{
    struct backend_list *l = &w->offer.takers;
    size_t kept = 0, were = l->count;
    for (size_t i = 0; i < were; i++)
        if (strcmp(l->items[i], w->entry.voucher) != 0)
            l->items[kept++] = l->items[i];
    l->count = kept;
    return kept < were;
}

static void taken_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    const struct backend_answer nobody = {0};
    if (!task_take(t, &reward_offers, a, &w->offer, &w->offer_revision))
        return;
    if (w->offer_revision && take_name_out(w))
        save_offer(w, redeem_answer);
    else
        redeem_answer(t, &nobody);
}

static void redeem_done(struct reward_work *w)
{
    read_offer(w, w->entry.what, taken_read);
}

static void offer_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    struct reward_offer *o = &w->offer;
    *o = (struct reward_offer){0};
    if (!task_take(t, &reward_offers, a, o, &w->offer_revision))
        return;
    w->entry.points = -o->points;
    w->entry.reason = o->title;
    w->entry.pending = true;
    w->entry.voucher = backend_token(t->backend, reward_memory(w), VOUCHER_LENGTH);
    if (!w->offer_revision)
        (void)reward_fail(w, 404, "there is no such offer");
    else if (!reward_offer_is_on(w, o))
        (void)reward_fail(w, 412, "the offer is over");
    else if (reward_tier(w, &w->member) < (Reward__Tier)o->tier)
        (void)reward_fail(w, 412, "the offer is for members of a higher tier");
    else if (w->entry.voucher)
        reward_commit(w);
    else
        task_no_memory(t);
}

static void redeem_begin(struct reward_work *w)
{
    read_offer(w, w->entry.what, offer_read);
}

void reward_redeem(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.Redeem";
    const Reward__RedeemRequest *r = (const Reward__RedeemRequest *)(const void *)message;
    struct reward_work *w = reward_work(call, context, id, r);
    if (!w || !reward_of(w, r->user_id) || !check_key(w, r->idempotency_key) ||
        !backend_check_text(call, id, "an offer_id", r->offer_id, 1, BACKEND_ID_MAX))
        return;
    w->entry = (struct reward_entry){
        .key = r->idempotency_key, .what = r->offer_id, .kind = REWARD__ENTRY_KIND__ENTRY_KIND_REDEEMED};
    w->begin = redeem_begin;
    w->done = redeem_done;
    reward_move(w);
}

/* ---- what became of a voucher: written once, by the first ----------------------------------------------------------
 */

struct voucher_end {
    char *how; /* "used", or "back": its points were given back */
};
static const struct backend_field end_fields[] = {BACKEND_FIELD(struct voucher_end, how, FIELD_TEXT)};
static const struct backend_shape ends = {REWARD_TABLE, "what the store holds of this voucher's end is damaged",
                                          end_fields, 1};

static void end_voucher(struct reward_work *w, const char *voucher, char *how, backend_step *next)
{
    const struct voucher_end e = {how};
    task_save(&w->task, &ends, reward_key(w, "end", voucher, NULL), &e, 0, next);
}

/* ---- Reverse ------------------------------------------------------------------------------------------------------
 */

static void reverse_done(struct reward_work *w)
{
    Reward__ReverseResponse reply = REWARD__REVERSE_RESPONSE__INIT;
    reply.entry = reward_entry_message(w, &w->entry);
    if (reply.entry)
        rpc_call_reply(w->task.call, &reply.base);
}

static void reverse_was(struct reward_work *w)
{
    (void)reward_fail(w, 412, "it was taken back before");
}

static void reverse_moved(struct reward_work *w)
{
    w->done = reverse_done;
    reward_commit(w);
}

static void end_read(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    struct voucher_end e = {0};
    uint64_t revision;
    if (!task_take(t, &ends, a, &e, &revision))
        return;
    if (revision && strcmp(e.how, "back") == 0)
        reverse_moved(w);
    else
        (void)reward_fail(w, 412, "the voucher was used");
}

static void voucher_ended(struct task *t, const struct backend_answer *a)
{
    struct reward_work *w = work_of(t);
    if (a->status == GRPC_FAILED_PRECONDITION) {
        char *key = reward_key(w, "end", w->taken_back.voucher, NULL);
        if (key)
            task_read(t, REWARD_TABLE, key, false, end_read);
        else
            task_no_memory(t);
    } else if (!task_failed(t, a, 503)) {
        reverse_moved(w);
    }
}

static void entry_read(struct task *t, const struct backend_answer *a)
{
    static char back[] = "back";
    struct reward_work *w = work_of(t);
    const struct reward_entry *e = &w->taken_back;
    uint64_t revision;
    if (!task_take(t, &reward_entries, a, &w->taken_back, &revision))
        return;
    w->entry.points = -e->points;
    if (!revision)
        (void)reward_fail(w, 404, "there is no such entry");
    else if (e->kind != REWARD__ENTRY_KIND__ENTRY_KIND_EARNED && e->kind != REWARD__ENTRY_KIND__ENTRY_KIND_REDEEMED)
        (void)reward_fail(w, 412, "only what was earned or redeemed is taken back");
    else if (e->voucher[0])
        end_voucher(w, e->voucher, back, voucher_ended);
    else
        reverse_moved(w);
}

static void reverse_begin(struct reward_work *w)
{
    char *key = reward_key(w, "entry", w->entry.what, NULL);
    if (key)
        task_read(&w->task, REWARD_TABLE, key, false, entry_read);
    else
        task_no_memory(&w->task);
}

void reward_reverse(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.Reverse";
    const Reward__ReverseRequest *r = (const Reward__ReverseRequest *)(const void *)message;
    struct reward_work *w = reward_work(call, context, id, r);
    const char *slash = strchr(r->entry_id, '/');
    if (!w || !reward_only_operators(w) || !backend_check_text(call, id, "a reason", r->reason, 1, 1000) ||
        !backend_check_text(call, id, "an entry_id", r->entry_id, 1, (size_t)4 * BACKEND_ID_MAX))
        return;
    if (!slash) {
        (void)reward_fail(w, 404, "there is no such entry");
        return;
    }
    struct arena *m = reward_memory(w);
    w->part = arena_string_n(m, r->entry_id, (size_t)(slash - r->entry_id));
    w->entry = (struct reward_entry){.key = arena_string(m, slash + 1),
                                     .what = r->entry_id,
                                     .reason = r->reason,
                                     .kind = REWARD__ENTRY_KIND__ENTRY_KIND_REVERSED};
    w->begin = reverse_begin;
    w->done = reverse_was;
    if (w->part && w->entry.key)
        reward_move(w);
    else
        task_no_memory(&w->task);
}

/* ---- UseVoucher ---------------------------------------------------------------------------------------------------
 */

struct use_work {
    struct reward_work work;
    struct voucher voucher;
    const char *code;
};

static void used(struct task *t, const struct backend_answer *a)
{
    struct use_work *u = (struct use_work *)(void *)t;
    struct reward_work *w = &u->work;
    Reward__UseVoucherResponse reply = REWARD__USE_VOUCHER_RESPONSE__INIT;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        (void)reward_fail(w, 412, "the voucher is worth nothing any more");
        return;
    }
    if (task_failed(t, a, 503))
        return;
    reply.user_id = u->voucher.user;
    reply.offer = reward_offer_message(w, &w->offer);
    if (reply.offer)
        rpc_call_reply(t->call, &reply.base);
}

static void its_offer_read(struct task *t, const struct backend_answer *a)
{
    static char how[] = "used";
    struct use_work *u = (struct use_work *)(void *)t;
    if (!task_take(t, &reward_offers, a, &u->work.offer, &u->work.offer_revision))
        return;
    if (u->work.offer_revision)
        end_voucher(&u->work, u->code, how, used);
    else
        (void)reward_fail(&u->work, 500, "the voucher's offer is not there");
}

static void voucher_read(struct task *t, const struct backend_answer *a)
{
    struct use_work *u = (struct use_work *)(void *)t;
    uint64_t revision;
    if (!task_take(t, &vouchers, a, &u->voucher, &revision))
        return;
    char *key = revision ? reward_key(&u->work, "offer", u->voucher.offer, NULL) : NULL;
    if (!revision)
        (void)reward_fail(&u->work, 404, "there is no such voucher");
    else if (key)
        task_read(t, REWARD_TABLE, key, false, its_offer_read);
    else
        task_no_memory(t);
}

void reward_use_voucher(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "reward.Reward.UseVoucher";
    const Reward__UseVoucherRequest *r = (const Reward__UseVoucherRequest *)(const void *)message;
    const struct reward_work *w = reward_work(call, context, id, r);
    struct use_work *u = w ? task_new(sizeof *u, context, call, id) : NULL;
    if (!u)
        return;
    u->work = *w;
    if (!reward_only_operators(&u->work) || !backend_check_text(call, id, "a voucher", r->voucher, 1, BACKEND_ID_MAX))
        return;
    u->code = backend_part(reward_memory(&u->work), r->voucher);
    char *key = u->code ? reward_key(&u->work, "voucher", u->code, NULL) : NULL;
    if (key)
        task_read(&u->work.task, REWARD_TABLE, key, false, voucher_read);
    else
        task_no_memory(&u->work.task);
}
