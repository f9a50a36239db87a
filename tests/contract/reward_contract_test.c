/* Points that are moved exactly once: by retries, by many at once, whichever write of the store fails or whose answer
 * is lost. Rewards ask nobody but the store. */
#include "tests/contract/backend_kit.h"

#include "proto/reward/reward.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANYBODY 30 /* calls at once */

static char jane[] = "jane", joe[] = "joe", nothing[] = "", purchase[] = "purchase", review[] = "review",
            key_1[] = "key-1", key_2[] = "key-2", key_3[] = "key-3", order[] = "order-7", mug[] = "A mug",
            why[] = "sent back";

static int setup(void **state)
{
    return kit_setup(state, &backend_reward, "reward.Reward");
}

static int set_rule(struct kit *k, enum kit_caller who, char *name, int64_t fixed, double per_unit, uint32_t per_day)
{
    Reward__SetRuleRequest r = REWARD__SET_RULE_REQUEST__INIT;
    Reward__Rule rule = REWARD__RULE__INIT;
    rule.name = name;
    rule.worth_case = fixed != 0 ? REWARD__RULE__WORTH_FIXED : REWARD__RULE__WORTH_PER_UNIT;
    if (fixed != 0)
        rule.fixed = fixed;
    else
        rule.per_unit = per_unit;
    rule.per_day = per_day;
    r.rule = &rule;
    kit_call(k, who, "SetRule", &r.base, &reward__set_rule_response__descriptor);
    return kit_code(k);
}

static Reward__EarnRequest earning(char *user, char *rule, double amount, char *key)
{
    Reward__EarnRequest r = REWARD__EARN_REQUEST__INIT;
    r.user_id = user;
    r.rule = rule;
    r.amount = amount;
    r.reference = order;
    r.idempotency_key = key;
    return r;
}

static const Reward__EarnResponse *earn(struct kit *k, enum kit_caller who, char *user, char *rule, double amount,
                                        char *key)
{
    Reward__EarnRequest r = earning(user, rule, amount, key);
    return kit_call(k, who, "Earn", &r.base, &reward__earn_response__descriptor);
}

static const Reward__Member *read_as(struct kit *k, enum kit_caller who, char *user)
{
    Reward__ReadMemberRequest r = REWARD__READ_MEMBER_REQUEST__INIT;
    r.user_id = user;
    const Reward__ReadMemberResponse *reply =
        kit_call(k, who, "ReadMember", &r.base, &reward__read_member_response__descriptor);
    return reply ? reply->member : NULL;
}

static Reward__Member jane_now(struct kit *k)
{
    return *(const Reward__Member *)kit_there(read_as(k, JANE, jane));
}

static int64_t points(struct kit *k)
{
    const Reward__Member *m = read_as(k, ADMIN, jane);
    return m ? m->points : -1;
}

static char *offer(struct kit *k, int64_t worth, uint32_t left, Reward__Tier tier, int64_t ends)
{
    Reward__CreateOfferRequest r = REWARD__CREATE_OFFER_REQUEST__INIT;
    Reward__Offer o = REWARD__OFFER__INIT;
    o.title = mug;
    o.points = worth;
    o.left = left;
    o.tier_min = tier;
    o.ends = ends;
    r.offer = &o;
    const Reward__CreateOfferResponse *reply =
        kit_call(k, ADMIN, "CreateOffer", &r.base, &reward__create_offer_response__descriptor);
    return reply ? reply->offer->id : NULL;
}

static const Reward__RedeemResponse *redeem(struct kit *k, enum kit_caller who, char *user, char *id, char *key)
{
    Reward__RedeemRequest r = REWARD__REDEEM_REQUEST__INIT;
    r.user_id = user;
    r.offer_id = id;
    r.idempotency_key = key;
    return kit_call(k, who, "Redeem", &r.base, &reward__redeem_response__descriptor);
}

static const Reward__Entry *reverse(struct kit *k, enum kit_caller who, char *entry)
{
    Reward__ReverseRequest r = REWARD__REVERSE_REQUEST__INIT;
    r.entry_id = entry;
    r.reason = why;
    const Reward__ReverseResponse *reply = kit_call(k, who, "Reverse", &r.base, &reward__reverse_response__descriptor);
    return reply ? reply->entry : NULL;
}

static int use(struct kit *k, char *voucher)
{
    Reward__UseVoucherRequest r = REWARD__USE_VOUCHER_REQUEST__INIT;
    r.voucher = voucher;
    const Reward__UseVoucherResponse *reply =
        kit_call(k, SERVICE, "UseVoucher", &r.base, &reward__use_voucher_response__descriptor);
    if (reply)
        assert_string_equal(reply->user_id, "jane");
    return kit_code(k);
}

/* "+5 +7 -3|cursor" */
static const char *history(struct kit *k, uint32_t limit, char *cursor)
{
    Reward__HistoryRequest r = REWARD__HISTORY_REQUEST__INIT;
    r.user_id = jane;
    r.limit = limit;
    r.cursor = cursor;
    const Reward__HistoryResponse *reply = kit_call(k, JANE, "History", &r.base, &reward__history_response__descriptor);
    const char *all = reply ? "" : "failed";
    for (size_t i = 0; reply && i < reply->n_entries; i++)
        all = arena_printf(&k->arena, "%s%+lld ", all, (long long)reply->entries[i]->points);
    return reply ? arena_printf(&k->arena, "%s|%s", all, reply->next_cursor) : all;
}

static const char *offers_for(struct kit *k, char *user)
{
    Reward__ListOffersRequest r = REWARD__LIST_OFFERS_REQUEST__INIT;
    r.user_id = user;
    const Reward__ListOffersResponse *reply =
        kit_call(k, ADMIN, "ListOffers", &r.base, &reward__list_offers_response__descriptor);
    const char *all = reply ? "" : "failed";
    for (size_t i = 0; reply && i < reply->n_offers; i++)
        all = arena_printf(&k->arena, "%s%lld:%u ", all, (long long)reply->offers[i]->points, reply->offers[i]->left);
    return all;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static void earned_once(void **state)
{
    struct kit *k = *state;
    assert_null(read_as(k, JANE, jane));
    assert_int_equal(kit_code(k), 404);
    assert_null(earn(k, SERVICE, jane, purchase, 10, key_1));
    assert_int_equal(kit_code(k), 404); /* no such rule, and nobody becomes a member by it */
    assert_null(read_as(k, JANE, jane));
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 0.29, 0), 0);
    const Reward__EarnResponse *e = kit_there(earn(k, SERVICE, jane, purchase, 100, key_1));
    assert_int_equal(e->entry->points, 29); /* 100 * 0.29 is 28.999999999999996 */
    assert_int_equal(e->entry->kind, REWARD__ENTRY_KIND__ENTRY_KIND_EARNED);
    assert_string_equal(e->entry->reason, "purchase order-7");
    assert_int_equal(e->member->points, 29);
    const Reward__EarnResponse *again = kit_there(earn(k, SERVICE, jane, purchase, 100, key_1));
    assert_string_equal(again->entry->id, e->entry->id);
    assert_int_equal(again->entry->created, e->entry->created);
    assert_int_equal(again->member->points, 29);
    assert_int_equal(set_rule(k, ADMIN, review, 5, 0, 0), 0);
    assert_null(earn(k, SERVICE, jane, review, 1, key_1));
    assert_int_equal(kit_code(k), 412); /* the key stands for the purchase */
    e = kit_there(earn(k, SERVICE, jane, review, 1, key_2));
    assert_int_equal(e->member->points, 34);
    assert_int_equal(e->member->lifetime, 34);
    again = kit_there(earn(k, SERVICE, jane, purchase, 100, key_1));
    assert_int_equal(again->entry->points, 29);
    assert_int_equal(again->member->points, 34);
    e = kit_there(earn(k, SERVICE, joe, review, 1, key_1)); /* keys are a member's own */
    assert_int_equal(e->member->points, 5);
    kit_expect(k, 0);
}

static void so_often_a_day(void **state)
{
    struct kit *k = *state;
    assert_int_equal(set_rule(k, ADMIN, review, 5, 0, 2), 0);
    assert_non_null(earn(k, SERVICE, jane, review, 1, key_1));
    assert_non_null(earn(k, SERVICE, jane, review, 1, key_2));
    assert_null(earn(k, SERVICE, jane, review, 1, key_3));
    assert_int_equal(kit_code(k), 412);
    assert_non_null(earn(k, SERVICE, jane, review, 1, key_1)); /* that was one of the two */
    assert_int_equal(points(k), 10);
    sim_clock_jump(k->sim, "reward", 86400 * SECOND);
    assert_non_null(earn(k, SERVICE, jane, review, 1, key_3));
    assert_int_equal(points(k), 15);
}

static void spent_once(void **state)
{
    struct kit *k = *state;
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    assert_non_null(earn(k, SERVICE, jane, purchase, 100, key_1));
    char *dear = offer(k, 101, 5, 0, 0), *cheap = offer(k, 60, 2, 0, 0), *gold = offer(k, 1, 1, 3, 0);
    assert_string_equal(offers_for(k, nothing), "1:1 60:2 101:5 ");
    assert_string_equal(offers_for(k, jane), "60:2 ");
    assert_null(redeem(k, JANE, jane, dear, key_1));
    assert_int_equal(kit_code(k), 412); /* key_1 earned */
    assert_null(redeem(k, JANE, jane, dear, key_2));
    assert_int_equal(kit_code(k), 412);
    assert_null(redeem(k, JANE, jane, gold, key_2));
    assert_int_equal(kit_code(k), 412);
    assert_null(redeem(k, JANE, jane, mug, key_2));
    assert_int_equal(kit_code(k), 404);
    const Reward__RedeemResponse *r = kit_there(redeem(k, JANE, jane, cheap, key_2));
    assert_int_equal(r->member->points, 40);
    assert_int_equal(strlen(r->voucher), 12);
    const Reward__RedeemResponse *again = kit_there(redeem(k, JANE, jane, cheap, key_2));
    assert_string_equal(again->voucher, r->voucher);
    assert_int_equal(again->member->points, 40);
    assert_null(redeem(k, JANE, jane, cheap, key_3));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(points(k), 40);
    assert_string_equal(offers_for(k, nothing), "1:1 60:1 101:5 ");
    assert_int_equal(use(k, r->voucher), 0);
    assert_int_equal(use(k, r->voucher), 412);
    assert_int_equal(use(k, mug), 404);
    kit_expect(k, 0);
}

static void an_offer_ends(void **state)
{
    struct kit *k = *state;
    char *one = offer(k, 10, 1, 0, 0), *short_one = offer(k, 10, 5, 0, world_wall(k->client) / SECOND + 60);
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    assert_non_null(earn(k, SERVICE, jane, purchase, 100, key_1));
    assert_non_null(redeem(k, JANE, jane, one, key_2));
    assert_null(redeem(k, JANE, jane, one, key_3));
    assert_int_equal(kit_code(k), 412);
    assert_non_null(redeem(k, JANE, jane, one, key_2)); /* that is an answer, not another piece */
    sim_clock_jump(k->sim, "reward", 61 * SECOND);
    assert_null(redeem(k, JANE, jane, short_one, key_3));
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(points(k), 90);
    assert_string_equal(offers_for(k, nothing), "");
}

static void taken_back_once(void **state)
{
    struct kit *k = *state;
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    const Reward__EarnResponse *e = kit_there(earn(k, SERVICE, jane, purchase, 100, key_1));
    char *id = offer(k, 60, 5, 0, 0);
    const Reward__RedeemResponse *r = kit_there(redeem(k, JANE, jane, id, key_2));
    assert_null(reverse(k, ADMIN, e->entry->id));
    assert_int_equal(kit_code(k), 412); /* the points are spent */
    assert_int_equal(points(k), 40);
    char second[] = "jane/2", third[] = "jane/3", none[] = "jane/9", odd[] = "odd";
    const Reward__Entry *back = kit_there(reverse(k, ADMIN, second));
    assert_int_equal(back->points, 60);
    assert_string_equal(back->reason, "sent back");
    assert_int_equal(points(k), 100);
    assert_int_equal(use(k, r->voucher), 412);
    assert_null(reverse(k, ADMIN, second));
    assert_int_equal(kit_code(k), 412);
    assert_null(reverse(k, ADMIN, third));
    assert_int_equal(kit_code(k), 412); /* a reversal is for ever */
    assert_non_null(reverse(k, ADMIN, e->entry->id));
    assert_int_equal(points(k), 0);
    assert_int_equal(jane_now(k).lifetime, 0);
    assert_null(reverse(k, ADMIN, none));
    assert_int_equal(kit_code(k), 404);
    assert_null(reverse(k, ADMIN, odd));
    assert_int_equal(kit_code(k), 404);
    char five[] = "key-5", six[] = "key-6";
    assert_non_null(earn(k, SERVICE, jane, purchase, 100, five));
    r = kit_there(redeem(k, JANE, jane, id, six));
    assert_int_equal(use(k, r->voucher), 0);
    char sixth[] = "jane/6";
    assert_null(reverse(k, ADMIN, sixth));
    assert_int_equal(kit_code(k), 412); /* it was used */
    assert_int_equal(points(k), 40);
}

/* What callers take for keys is not in the way of what takes entry 1 back. */
static void a_key_like_a_number(void **state)
{
    struct kit *k = *state;
    char one[] = "1", first[] = "jane/1";
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    assert_non_null(earn(k, SERVICE, jane, purchase, 100, one));
    assert_non_null(reverse(k, ADMIN, first));
    assert_int_equal(points(k), 0);
    const Reward__EarnResponse *e = kit_there(earn(k, SERVICE, jane, purchase, 100, one));
    assert_int_equal(e->entry->points, 100); /* the same answer, and no points */
    assert_int_equal(e->member->points, 0);
}

static void told_newest_first(void **state)
{
    struct kit *k = *state;
    char key[8];
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    for (int i = 1; i <= 5; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_non_null(earn(k, SERVICE, jane, purchase, i, key));
    }
    assert_string_equal(history(k, 0, nothing), "+5 +4 +3 +2 +1 |");
    assert_string_equal(history(k, 2, nothing), "+5 +4 |3");
    assert_non_null(redeem(k, JANE, jane, offer(k, 7, 1, 0, 0), key_1));
    char three[] = "3", one[] = "1", odd[] = "3x", zero[] = "0", far[] = "99";
    assert_string_equal(history(k, 2, three), "+3 +2 |1");
    assert_string_equal(history(k, 2, one), "+1 |");
    assert_string_equal(history(k, 1, far), "-7 |5");
    assert_string_equal(history(k, 2, odd), "failed");
    assert_string_equal(history(k, 2, zero), "failed");
    assert_string_equal(history(k, 101, nothing), "failed");
    assert_int_equal(kit_code(k), 400);
}

/* The points moved and their entry could not be written: it is told all the same, and taken back. */
static void an_entry_that_is_open(void **state)
{
    struct kit *k = *state;
    char first[] = "jane/1";
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    kit_fails_after(k, 1);
    assert_null(earn(k, SERVICE, jane, purchase, 100, key_1));
    assert_int_equal(kit_code(k), 503);
    kit_fails_after(k, -1);
    assert_false(kit_has_record(k, "reward/entry:jane/1"));
    assert_string_equal(history(k, 0, nothing), "+100 |");
    assert_non_null(reverse(k, ADMIN, first));
    assert_string_equal(history(k, 0, nothing), "-100 +100 |");
}

static void tiers(void **state)
{
    struct kit *k = *state;
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    const Reward__EarnResponse *e = kit_there(earn(k, SERVICE, jane, purchase, 999, key_1));
    assert_int_equal(e->member->tier, REWARD__TIER__TIER_BRONZE);
    e = kit_there(earn(k, SERVICE, jane, purchase, 1, key_2));
    assert_int_equal(e->member->tier, REWARD__TIER__TIER_SILVER);
    e = kit_there(earn(k, SERVICE, jane, purchase, 4000, key_3));
    assert_int_equal(e->member->tier, REWARD__TIER__TIER_GOLD);
    assert_non_null(redeem(k, JANE, jane, offer(k, 4900, 1, 3, 0), mug)); /* what is spent was earned all the same */
    assert_int_equal(jane_now(k).tier, REWARD__TIER__TIER_GOLD);
    time_t now = (time_t)(world_wall(k->client) / SECOND);
    struct tm date = {0};
    assert_non_null(gmtime_r(&now, &date));
    sim_clock_jump(k->sim, "reward", (366 - date.tm_yday) * 86400 * SECOND); /* into the next year */
    assert_int_equal(jane_now(k).tier, REWARD__TIER__TIER_BRONZE);
    assert_int_equal(points(k), 100);
}

/* Whichever write fails, or is done and not heard of: called again with the same key, the points moved once. Between
 * the two calls somebody else moves points, so that what was left lies beneath something newer. */
static void walk(struct kit *k, void (*fails_after)(struct kit *k, int64_t writes), bool another)
{
    char key[48], other[48];
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    int64_t have = 0, failed = 0;
    for (;; failed++) {
        snprintf(key, sizeof key, "earn-%lld", (long long)failed);
        snprintf(other, sizeof other, "other-%lld", (long long)failed);
        fails_after(k, failed);
        bool ok = earn(k, SERVICE, jane, purchase, 100, key) != NULL;
        if (!ok)
            assert_int_equal(kit_code(k), 503);
        fails_after(k, -1);
        if (another) {
            assert_non_null(earn(k, SERVICE, jane, purchase, 1, other));
            have++;
        }
        assert_non_null(earn(k, SERVICE, jane, purchase, 100, key));
        have += 100;
        assert_int_equal(points(k), have);
        if (ok)
            break;
    }
    assert_int_equal(failed, 5); /* what was open twice, the member, and what is open now twice */
    char *id = offer(k, 10, 1000, 0, 0);
    for (failed = 0;; failed++) {
        snprintf(key, sizeof key, "redeem-%lld", (long long)failed);
        snprintf(other, sizeof other, "else-%lld", (long long)failed);
        fails_after(k, failed);
        const Reward__RedeemResponse *r = redeem(k, JANE, jane, id, key);
        bool ok = r != NULL;
        if (!ok)
            assert_int_equal(kit_code(k), 503);
        fails_after(k, -1);
        if (another) {
            assert_non_null(earn(k, SERVICE, jane, purchase, 1, other));
            have++;
        }
        r = kit_there(redeem(k, JANE, jane, id, key));
        have -= 10;
        assert_int_equal(points(k), have);
        assert_string_equal(offers_for(k, nothing), arena_printf(&k->arena, "10:%lld ", 999 - (long long)failed));
        assert_int_equal(use(k, r->voucher), 0);
        if (ok)
            break;
    }
    /* What was open (twice, or a redemption's three), the points, the piece, that it is had, three that tell of it;
     * when its name cannot be taken out again, that is borne. */
    assert_int_equal(failed, another ? 8 : 9);
    kit_expect(k, 0);
}

static void a_write_that_fails(void **state)
{
    walk(*state, kit_fails_after, false);
}

static void a_write_that_fails_and_another_movement(void **state)
{
    walk(*state, kit_fails_after, true);
}

static void a_write_that_is_not_heard(void **state)
{
    walk(*state, kit_loses_after, false);
}

static void a_write_that_is_not_heard_and_another_movement(void **state)
{
    walk(*state, kit_loses_after, true);
}

static void a_reversal_that_fails(void **state)
{
    struct kit *k = *state;
    char key[48], second[48];
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    char *id = offer(k, 10, 1000, 0, 0);
    assert_non_null(earn(k, SERVICE, jane, purchase, 1000, key_1));
    for (int lost = 0; lost < 2; lost++)
        for (int64_t failed = 0, ok = 0; !ok; failed++) {
            snprintf(key, sizeof key, "redeem-%d-%lld", lost, (long long)failed);
            const Reward__RedeemResponse *r = kit_there(redeem(k, JANE, jane, id, key));
            snprintf(second, sizeof second, "jane/%d",
                     (int)strtol(strrchr(history(k, 1, nothing), '|') + 1, NULL, 10) + 1);
            (lost ? kit_loses_after : kit_fails_after)(k, failed);
            ok = reverse(k, ADMIN, second) != NULL;
            int code = kit_code(k);
            kit_fails_after(k, -1);
            if (!ok && !reverse(k, ADMIN, second))
                assert_int_equal(kit_code(k), 412); /* it was done: its answer was lost */
            assert_true(ok || code == 503);
            assert_int_equal(points(k), 1000);
            assert_int_equal(use(k, r->voucher), 412);
        }
}

/* ---- many at once --------------------------------------------------------------------------------------------------
 */

struct many {
    int answered, ok, busy;
};

static void on_answer(void *arg, const struct rpc_reply *r)
{
    struct many *m = arg;
    struct micro_error e = {0};
    m->answered++;
    m->ok += r->status == GRPC_OK;
    if (r->status != GRPC_OK)
        micro_error_parse(r->status, r->message, &e);
    m->busy += e.code == 409;
}

static void fire(struct kit *k, enum kit_caller who, const char *path, const ProtobufCMessage *request, struct many *m)
{
    struct text wire = TEXT_INIT, bearer = TEXT_INIT;
    assert_int_equal(pb_pack(request, &wire), 0);
    text_printf(&bearer, "Bearer %s", k->tokens[who]);
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request r = {.path = path,
                                  .metadata = {.items = &header, .count = 1},
                                  .timeout = KIT_CALL_TIMEOUT,
                                  .message = text_bytes(&wire),
                                  .has_message = true};
    assert_int_equal(rpc_unary(k->channel, &r, on_answer, m, NULL, NULL), 0);
    text_deinit(&wire);
    text_deinit(&bearer);
}

static void wait_for(struct kit *k, const struct many *m, int all)
{
    for (int i = 0; m->answered < all && i < 1000; i++)
        sim_run_for(k->sim, (uint64_t)SECOND / 10);
    assert_int_equal(m->answered, all);
}

static void many_at_once(void **state)
{
    struct kit *k = *state;
    char keys[ANYBODY][16];
    struct many same = {0}, other = {0}, spent = {0};
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    Reward__EarnRequest e = earning(jane, purchase, 100, key_1);
    for (int i = 0; i < ANYBODY; i++)
        fire(k, SERVICE, "/reward.Reward/Earn", &e.base, &same);
    wait_for(k, &same, ANYBODY);
    assert_true(same.ok >= 1);
    assert_int_equal(same.ok + same.busy, ANYBODY);
    assert_int_equal(points(k), 100);
    for (int i = 0; i < ANYBODY; i++) {
        snprintf(keys[i], sizeof keys[i], "many-%d", i);
        e = earning(jane, purchase, 1, keys[i]);
        fire(k, SERVICE, "/reward.Reward/Earn", &e.base, &other);
    }
    wait_for(k, &other, ANYBODY);
    assert_true(other.ok >= 1);
    assert_int_equal(other.ok + other.busy, ANYBODY);
    assert_int_equal(points(k), 100 + other.ok); /* who was told "busy" had nothing */
    /* Seven pieces of 10 points for five members: never more, never fewer than were told, never below 0. */
    char *id = offer(k, 10, 7, 0, 0), users[5][8];
    for (int i = 0; i < 5; i++) {
        snprintf(users[i], sizeof users[i], "user-%d", i);
        assert_non_null(earn(k, SERVICE, users[i], purchase, 20, key_1));
    }
    Reward__RedeemRequest r = REWARD__REDEEM_REQUEST__INIT;
    for (int i = 0; i < ANYBODY; i++) {
        snprintf(keys[i], sizeof keys[i], "piece-%d", i / 2); /* every one twice */
        r.user_id = users[i / 2 % 5];
        r.offer_id = id;
        r.idempotency_key = keys[i];
        fire(k, SERVICE, "/reward.Reward/Redeem", &r.base, &spent);
    }
    wait_for(k, &spent, ANYBODY);
    assert_true(spent.ok >= 1);
    int64_t redeemed = 0, kept = 0;
    for (int i = 0; i < ANYBODY; i += 2)
        redeemed += redeem(k, SERVICE, users[i / 2 % 5], id, keys[i]) != NULL;
    for (int i = 0; i < 5; i++) {
        const Reward__Member *m = kit_there(read_as(k, ADMIN, users[i]));
        assert_true(m->points >= 0);
        kept += m->points;
    }
    assert_int_equal(redeemed, 7);
    assert_int_equal(kept, 100 - 70);
    assert_string_equal(offers_for(k, nothing), "");
}

static void bad_requests_change_nothing(void **state)
{
    struct kit *k = *state;
    assert_int_equal(set_rule(k, JANE, purchase, 0, 1, 0), 403);
    assert_int_equal(set_rule(k, NOBODY, purchase, 0, 1, 0), 401);
    assert_int_equal(set_rule(k, ADMIN, purchase, -1, 0, 0), 400);
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 0, 0), 400);
    assert_int_equal(set_rule(k, ADMIN, nothing, 5, 0, 0), 400);
    assert_null(offer(k, 0, 1, 0, 0));
    assert_null(offer(k, 1, 0, 0, 0));
    assert_null(offer(k, 1, 1, 4, 0));
    assert_null(offer(k, 1, 1, 0, 5));
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(kit_records(k), 0);
    assert_int_equal(set_rule(k, ADMIN, purchase, 0, 1, 0), 0);
    assert_null(earn(k, JANE, jane, purchase, 1, key_1));
    assert_int_equal(kit_code(k), 403); /* nobody gives themselves points */
    assert_null(earn(k, SERVICE, jane, purchase, -1, key_1));
    assert_int_equal(kit_code(k), 400);
    assert_null(earn(k, SERVICE, jane, purchase, 1, nothing));
    assert_int_equal(kit_code(k), 400);
    assert_null(earn(k, SERVICE, nothing, purchase, 1, key_1));
    assert_int_equal(kit_code(k), 400);
    assert_null(reverse(k, JANE, jane));
    assert_int_equal(kit_code(k), 403);
    assert_null(read_as(k, JOE, jane));
    assert_int_equal(kit_code(k), 403);
    assert_null(redeem(k, JOE, jane, mug, key_1));
    assert_int_equal(kit_code(k), 403);
    assert_int_equal(kit_records(k), 1);
    Reward__EnrolRequest r = REWARD__ENROL_REQUEST__INIT;
    r.user_id = jane;
    for (int i = 0; i < 2; i++) {
        const Reward__EnrolResponse *reply =
            kit_there(kit_call(k, JANE, "Enrol", &r.base, &reward__enrol_response__descriptor));
        assert_int_equal(reply->member->points, 0);
    }
    r.referrer_id = joe;
    kit_call(k, JANE, "Enrol", &r.base, &reward__enrol_response__descriptor);
    assert_int_equal(kit_code(k), 501);
    Reward__TransferRequest t = REWARD__TRANSFER_REQUEST__INIT;
    kit_call(k, ADMIN, "Transfer", &t.base, &reward__transfer_response__descriptor);
    assert_int_equal(k->status, GRPC_UNIMPLEMENTED);
    assert_int_equal(kit_records(k), 2);
    kit_expect(k, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(earned_once),
        TEST(so_often_a_day),
        TEST(spent_once),
        TEST(an_offer_ends),
        TEST(taken_back_once),
        TEST(a_key_like_a_number),
        TEST(told_newest_first),
        TEST(an_entry_that_is_open),
        TEST(tiers),
        TEST(a_write_that_fails),
        TEST(a_write_that_fails_and_another_movement),
        TEST(a_write_that_is_not_heard),
        TEST(a_write_that_is_not_heard_and_another_movement),
        TEST(a_reversal_that_fails),
        TEST(many_at_once),
        TEST(bad_requests_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
