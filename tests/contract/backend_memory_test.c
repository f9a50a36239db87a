/* Whichever allocation fails while points are earned and spent, a picture is kept and made small, an alert is raised, a
 * service is asked how it is, or an article is written and found, on micro's real store: nobody crashes, and called
 * again with the same key everything happened once. The failing ones are the caller's and the simulation's too: where
 * that goes no further, the walk goes on in a new one. */
#include "base/test.h"

#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "proto/alerting/alerting.pb-c.h"
#include "proto/image/image.pb-c.h"
#include "proto/reward/reward.pb-c.h"
#include "proto/status/status.pb-c.h"
#include "proto/support/support.pb-c.h"
#include "runtime/server/sim_system.h"
#include "runtime/services/backend/backend.h"

#include <stdio.h>
#include <string.h>

#define WALK_MAX   ((size_t)100000)
#define CALL_LIMIT ((uint64_t)(20 * SECOND)) /* virtual */
#define PICTURE    "runtime/services/backend/picture_corpus/rgb.png"

struct fixture {
    struct sim_system system;
    struct arena arena;
    const char *bearer;
    struct rpc_channel *channel;
    char *offer;
    uint32_t left;
};

struct outcome {
    bool ended;
    int status;
    struct arena *arena;
    const ProtobufCMessageDescriptor *type;
    ProtobufCMessage *reply;
};

static void on_answer(void *arg, const struct rpc_reply *r)
{
    struct outcome *o = arg;
    o->ended = true;
    o->status = r->status;
    if (r->status == GRPC_OK && pb_unpack(o->type, r->body, o->arena, &o->reply, NULL) != 0)
        o->status = GRPC_INTERNAL;
}

static bool has_ended(void *arg)
{
    const struct outcome *o = arg;
    return o->ended;
}

/* NULL: it failed, or could not be made. */
static const void *call(struct fixture *f, const char *path, const ProtobufCMessage *request,
                        const ProtobufCMessageDescriptor *type)
{
    struct outcome *o = ARENA_NEW(&f->arena, struct outcome);
    struct text wire = TEXT_INIT;
    struct rpc_stream *stream = NULL;
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(f->bearer)};
    int rc = o ? pb_pack(request, &wire) : ERROR_MEMORY;
    if (rc == 0 && o) {
        *o = (struct outcome){.arena = &f->arena, .type = type};
        const struct rpc_request r = {.path = path,
                                      .metadata = {&header, 1},
                                      .timeout = CALL_LIMIT,
                                      .wait_for_ready = true,
                                      .message = text_bytes(&wire),
                                      .has_message = true};
        rc = rpc_unary(f->channel, &r, on_answer, o, &stream, NULL);
    }
    if (rc == 0 && o)
        rc = world_run_until(f->system.client, has_ended, o, 2 * CALL_LIMIT);
    if (rc && stream && !o->ended)
        rpc_stream_cancel(stream);
    text_deinit(&wire);
    return rc == 0 && o ? o->reply : NULL;
}

static void begin(struct fixture *f, const struct micro_program *program)
{
    static const char *const core[] = {"registry", "store", NULL};
    char address[64];
    memset(f, 0, sizeof *f);
    sim_system_init(&f->system, 5);
    sim_system_start_all(&f->system, core);
    const char *token = sim_system_token(&f->system, &f->arena, program->name, "service", MICRO_NAMESPACE, "service");
    const char *argv[] = {program->name,
                          "--address",
                          "0.0.0.0:8101",
                          "--peers",
                          "policy=none,registry=registry:8000,store=store:8002",
                          "--token",
                          token,
                          "--auth-public-key",
                          text_string(&f->system.public_key)};
    assert_int_equal(micro_program_register(f->system.sim, program), 0);
    assert_int_equal(sim_start(f->system.sim, program->name, program->name, 9, argv, NULL), 0);
    f->bearer = arena_printf(&f->arena, "Bearer %s", token);
    snprintf(address, sizeof address, "%s:8101", program->name);
    const struct rpc_channel_options options = {.addresses = address};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &f->channel, NULL), 0);
    assert_int_equal(rpc_wait_ready(f->system.client, f->channel, "", CALL_LIMIT, NULL), 0);
}

static void end(struct fixture *f)
{
    rpc_channel_free(f->channel);
    sim_system_deinit(&f->system);
    arena_deinit(&f->arena);
}

/* ---- points --------------------------------------------------------------------------------------------------------
 */

static char rule[] = "purchase", title[] = "A mug", earned[] = "earned", spent[] = "spent";

static void prepare_points(struct fixture *f)
{
    Reward__Rule purchase = REWARD__RULE__INIT;
    Reward__SetRuleRequest set = REWARD__SET_RULE_REQUEST__INIT;
    Reward__Offer offer = REWARD__OFFER__INIT;
    Reward__CreateOfferRequest create = REWARD__CREATE_OFFER_REQUEST__INIT;
    purchase.name = rule;
    purchase.worth_case = REWARD__RULE__WORTH_FIXED;
    purchase.fixed = 100;
    set.rule = &purchase;
    assert_non_null(call(f, "/reward.Reward/SetRule", &set.base, &reward__set_rule_response__descriptor));
    offer.title = title;
    offer.points = 30;
    offer.left = 1000000;
    create.offer = &offer;
    const Reward__CreateOfferResponse *r =
        call(f, "/reward.Reward/CreateOffer", &create.base, &reward__create_offer_response__descriptor);
    assert_non_null(r);
    f->offer = r ? r->offer->id : NULL;
    f->left = offer.left;
}

static const Reward__RedeemResponse *earn_and_spend(struct fixture *f, char *user)
{
    Reward__EarnRequest e = REWARD__EARN_REQUEST__INIT;
    Reward__RedeemRequest r = REWARD__REDEEM_REQUEST__INIT;
    e.user_id = r.user_id = user;
    e.rule = rule;
    e.idempotency_key = earned;
    r.offer_id = f->offer;
    r.idempotency_key = spent;
    if (!call(f, "/reward.Reward/Earn", &e.base, &reward__earn_response__descriptor))
        return NULL;
    return call(f, "/reward.Reward/Redeem", &r.base, &reward__redeem_response__descriptor);
}

static uint32_t pieces_left(struct fixture *f)
{
    Reward__ListOffersRequest l = REWARD__LIST_OFFERS_REQUEST__INIT;
    const Reward__ListOffersResponse *r =
        call(f, "/reward.Reward/ListOffers", &l.base, &reward__list_offers_response__descriptor);
    assert_non_null(r);
    return r && r->n_offers == 1 ? r->offers[0]->left : 0;
}

static bool round_of_points(struct fixture *f, size_t n)
{
    char user[24];
    snprintf(user, sizeof user, "user-%zu", n);
    failing_arm(n);
    bool ok = earn_and_spend(f, user) != NULL, hit = failing_hit();
    failing_disarm();
    if (!hit && !ok)
        fail_msg("untouched, it failed");
    if (sim_run_for(f->system.sim, CALL_LIMIT) != 0) { /* the simulation's own memory */
        end(f);
        begin(f, &backend_reward);
        prepare_points(f);
        return hit;
    }
    const Reward__RedeemResponse *r = earn_and_spend(f, user);
    if (!r)
        fail_msg("allocation %zu: it does not go on", n);
    else if (r->member->points != 70 || strlen(r->voucher) != 12)
        fail_msg("allocation %zu: %lld points", n, (long long)r->member->points);
    if (pieces_left(f) != --f->left)
        fail_msg("allocation %zu: %u pieces are left, not %u", n, pieces_left(f), f->left);
    return hit;
}

static void points(void **state)
{
    struct fixture f;
    size_t n = 1;
    (void)state;
    begin(&f, &backend_reward);
    prepare_points(&f);
    while (n < WALK_MAX && round_of_points(&f, n))
        n++;
    assert_in_range(n, 200, WALK_MAX - 1);
    print_message("%zu allocations\n", n - 1);
    end(&f);
}

/* ---- pictures ------------------------------------------------------------------------------------------------------
 */

static ProtobufCBinaryData picture(void)
{
    static uint8_t file[4096];
    FILE *f = fopen(PICTURE, "rb");
    assert_non_null(f);
    size_t len = fread(file, 1, sizeof file, f);
    fclose(f);
    return (ProtobufCBinaryData){len, file};
}

static bool keep_and_shrink(struct fixture *f, ProtobufCBinaryData file)
{
    static char name[] = "cat.png";
    Image__UploadRequest u = IMAGE__UPLOAD_REQUEST__INIT;
    Image__ResizeRequest r = IMAGE__RESIZE_REQUEST__INIT;
    u.name = name;
    u.file = file;
    const Image__UploadResponse *there = call(f, "/image.Image/Upload", &u.base, &image__upload_response__descriptor);
    if (!there)
        return false;
    r.url = there->url;
    r.width = 8;
    const Image__ResizeResponse *small = call(f, "/image.Image/Resize", &r.base, &image__resize_response__descriptor);
    return small && strncmp(small->base64, "data:image/png;base64,iVBORw0KGgo", 33) == 0;
}

static void pictures(void **state)
{
    struct fixture f;
    const ProtobufCBinaryData file = picture();
    bool hit = true;
    size_t n = 0;
    (void)state;
    begin(&f, &backend_image);
    while (hit && ++n < WALK_MAX) {
        failing_arm(n);
        bool ok = keep_and_shrink(&f, file);
        hit = failing_hit();
        failing_disarm();
        assert_true(hit || ok);
        if (sim_run_for(f.system.sim, CALL_LIMIT) != 0) {
            end(&f);
            begin(&f, &backend_image);
        }
        if (!keep_and_shrink(&f, file))
            fail_msg("allocation %zu: it does not go on", n);
    }
    assert_in_range(n, 60, WALK_MAX - 1);
    print_message("%zu allocations\n", n - 1);
    end(&f);
}

/* ---- alerts --------------------------------------------------------------------------------------------------------
 */

static char ann[] = "ann@example.com", everything[] = "everything", notes[] = "Notes", nobody[] = "nobody",
            body[] = "one two three";

static void prepare_alerts(struct fixture *f)
{
    Alerting__SetPolicyRequest r = ALERTING__SET_POLICY_REQUEST__INIT;
    Alerting__Policy p = ALERTING__POLICY__INIT;
    Alerting__Step step = ALERTING__STEP__INIT, *steps[] = {&step};
    Alerting__Target target = ALERTING__TARGET__INIT, *targets[] = {&target};
    target.how_case = ALERTING__TARGET__HOW_EMAIL;
    target.email = ann;
    step.targets = targets;
    step.n_targets = 1;
    p.name = everything;
    p.steps = steps;
    p.n_steps = 1;
    r.policy = &p;
    assert_non_null(call(f, "/alerting.Alerting/SetPolicy", &r.base, &alerting__set_policy_response__descriptor));
}

static const Alerting__RaiseResponse *raise_it(struct fixture *f, char *key)
{
    Alerting__RaiseRequest r = ALERTING__RAISE_REQUEST__INIT;
    r.key = r.summary = key;
    r.severity = ALERTING__SEVERITY__SEVERITY_CRITICAL;
    return call(f, "/alerting.Alerting/Raise", &r.base, &alerting__raise_response__descriptor);
}

/* What was raised is the same alert when it is raised again, and ends. */
static bool round_of_alerts(struct fixture *f, size_t n)
{
    Alerting__ResolveRequest r = ALERTING__RESOLVE_REQUEST__INIT;
    char key[24];
    snprintf(key, sizeof key, "key-%zu", n);
    failing_arm(n);
    bool ok = raise_it(f, key) != NULL;
    if (ok)
        (void)sim_run_for(f->system.sim, (uint64_t)(3 * SECOND)); /* it is told, as far as that goes */
    bool hit = failing_hit();
    failing_disarm();
    if (sim_run_for(f->system.sim, CALL_LIMIT) != 0) {
        end(f);
        begin(f, &backend_alerting);
        prepare_alerts(f);
        return hit;
    }
    const Alerting__RaiseResponse *again = raise_it(f, key);
    if (!again)
        fail_msg("allocation %zu: it does not go on", n);
    else if (ok && again->is_new)
        fail_msg("allocation %zu: two alerts", n);
    r.which_case = ALERTING__RESOLVE_REQUEST__WHICH_KEY;
    r.key = key;
    if (!call(f, "/alerting.Alerting/Resolve", &r.base, &alerting__resolve_response__descriptor))
        fail_msg("allocation %zu: it does not end", n);
    return hit;
}

static void alerts(void **state)
{
    struct fixture f;
    size_t n = 1;
    (void)state;
    begin(&f, &backend_alerting);
    prepare_alerts(&f);
    while (n < WALK_MAX && round_of_alerts(&f, n))
        n++;
    assert_in_range(n, 60, WALK_MAX - 1);
    print_message("%zu allocations\n", n - 1);
    end(&f);
}

/* ---- status --------------------------------------------------------------------------------------------------------
 */

static void prepare_status(struct fixture *f)
{
    Status__SetComponentRequest r = STATUS__SET_COMPONENT_REQUEST__INIT;
    Status__Component c = STATUS__COMPONENT__INIT;
    c.name = notes;
    c.service = nobody; /* is called so: it is away */
    c.interval = c.failures = 1;
    r.component = &c;
    assert_non_null(call(f, "/status.Status/SetComponent", &r.base, &status__set_component_response__descriptor));
}

static bool round_of_status(struct fixture *f, size_t n)
{
    Status__OverviewRequest r = STATUS__OVERVIEW_REQUEST__INIT;
    failing_arm(n);
    (void)sim_run_for(f->system.sim, (uint64_t)(8 * SECOND));
    bool hit = failing_hit();
    failing_disarm();
    if (sim_run_for(f->system.sim, CALL_LIMIT) != 0) {
        end(f);
        begin(f, &backend_status);
        prepare_status(f);
        return hit;
    }
    const Status__OverviewResponse *o =
        call(f, "/status.Status/Overview", &r.base, &status__overview_response__descriptor);
    if (!o || o->health != STATUS__HEALTH__HEALTH_MAJOR_OUTAGE)
        fail_msg("allocation %zu: the outage is not seen", n);
    return hit;
}

static void status(void **state)
{
    struct fixture f;
    size_t n = 1;
    (void)state;
    begin(&f, &backend_status);
    prepare_status(&f);
    while (n < WALK_MAX && round_of_status(&f, n))
        n++;
    assert_in_range(n, 60, WALK_MAX - 1);
    print_message("%zu allocations\n", n - 1);
    end(&f);
}

/* ---- articles ------------------------------------------------------------------------------------------------------
 */

static bool put_and_find(struct fixture *f, char *slug)
{
    Support__PutArticleRequest put = SUPPORT__PUT_ARTICLE_REQUEST__INIT;
    Support__Article a = SUPPORT__ARTICLE__INIT;
    Support__SearchArticlesRequest find = SUPPORT__SEARCH_ARTICLES_REQUEST__INIT;
    a.slug = a.title = slug;
    a.body = body;
    a.published = true;
    put.article = &a;
    find.query = slug;
    find.limit = 1;
    if (!call(f, "/support.Support/PutArticle", &put.base, &support__put_article_response__descriptor))
        return false;
    const Support__SearchArticlesResponse *r =
        call(f, "/support.Support/SearchArticles", &find.base, &support__search_articles_response__descriptor);
    if (r && (r->n_articles != 1 || strcmp(r->articles[0]->slug, slug) != 0))
        fail_msg("%s is not found", slug);
    return r != NULL;
}

static void articles(void **state)
{
    struct fixture f;
    size_t n = 0;
    bool hit = true;
    (void)state;
    begin(&f, &backend_support);
    while (hit && ++n < WALK_MAX) {
        char slug[24];
        snprintf(slug, sizeof slug, "slug%zu", n);
        failing_arm(n);
        bool ok = put_and_find(&f, slug);
        hit = failing_hit();
        failing_disarm();
        assert_true(hit || ok);
        if (sim_run_for(f.system.sim, CALL_LIMIT) != 0) {
            end(&f);
            begin(&f, &backend_support);
        }
        if (!put_and_find(&f, slug))
            fail_msg("allocation %zu: it does not go on", n);
    }
    assert_in_range(n, 60, WALK_MAX - 1);
    print_message("%zu allocations\n", n - 1);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(points), cmocka_unit_test(pictures), cmocka_unit_test(alerts),
                                       cmocka_unit_test(status), cmocka_unit_test(articles)};
    int failed = cmocka_run_group_tests_name("backend, memory", tests, NULL, NULL);
    backend_pool_free();
    micro_pool_free();
    return failed;
}
