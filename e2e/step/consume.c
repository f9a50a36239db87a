/* Consuming: what comes on a topic is waited for, picked, counted and matched. A subscription (feed.h) is opened before
 * what causes its messages, or reads events that are kept; each step goes on behind what the one before it took. */
#include "base/units.h"
#include "e2e/kind.h"
#include "e2e/step/feed.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_EVENTS 5 /* in a failure: those that were passed over */
#define ACK_WAIT     (30 * SECOND)

struct consuming {
    struct flow_context *x;
    const struct node *step;
    struct feed *feed;
    size_t looked; /* how many of what came */
    size_t last;   /* behind the last that was picked */
    json_t *picked, *passed;
    int64_t wanted; /* -1: as the matcher says */
    bool early;     /* more cannot make it right */
    bool told;      /* and the difference is noted */
    struct text ended;
};

/* ---- picking ---- */

static bool takes(struct consuming *c, const json_t *event)
{
    const struct node *where = node_get(c->step, "where");
    return where == NULL || would_match(c->x, where, event);
}

/* The place of the expectation of the i-th event, where they are told one by one. */
static const struct node *expected_event(const struct consuming *c, size_t i)
{
    static const char *const lists[] = {"events", "payloads"};
    const struct node *expect = node_get(c->step, "expect");
    for (size_t k = 0; expect != NULL && k < 2; k++) {
        const struct node *list = node_get(expect, lists[k]);
        if (list != NULL && list->kind == NODE_LIST && i < list->list.count)
            return &list->list.items[i];
    }
    return NULL;
}

static bool out_of_order(struct consuming *c, size_t i)
{
    const struct node *expect = node_get(c->step, "expect"), *n = expected_event(c, i);
    const json_t *event = json_array_get(c->picked, i);
    if (n == NULL)
        return false;
    bool whole = node_get(expect, "events") != NULL && node_get(expect, "events")->kind == NODE_LIST;
    return !would_match(c->x, n, whole ? event : json_object_get(event, "payload"));
}

/* Notes what differs in the first that is wrong. */
static void tell_order(struct consuming *c)
{
    const struct node *expect = node_get(c->step, "expect");
    for (size_t i = 0; i < json_array_size(c->picked); i++) {
        if (!out_of_order(c, i))
            continue;
        bool whole = node_get(expect, "events") != NULL && node_get(expect, "events")->kind == NODE_LIST;
        const json_t *event = json_array_get(c->picked, i);
        struct text path = TEXT_INIT;
        text_printf(&path, "%s[%zu]", whole ? "events" : "payloads", i);
        match_node(c->x, expected_event(c, i), whole ? event : json_object_get(event, "payload"), text_string(&path),
                   false);
        text_deinit(&path);
        c->told = true;
        return;
    }
}

/* Looks at what came since the last look. Stops at the last one that is wanted: what is behind it is the next step's.
 */
static void look(struct consuming *c)
{
    json_t *came = feed_came(c->feed);
    bool all = c->wanted < 0 || node_get(c->step, "during") != NULL;
    for (; c->looked < json_array_size(came); c->looked++) {
        json_t *event = json_array_get(came, c->looked);
        if (!all && (int64_t)json_array_size(c->picked) >= c->wanted)
            return;
        if (!takes(c, event)) {
            if (json_array_append(c->passed, event) != 0)
                flow_memory(c->x);
            if (json_array_size(c->passed) > SHOWN_EVENTS)
                json_array_remove(c->passed, 0);
            continue;
        }
        if (json_array_append(c->picked, event) != 0)
            flow_memory(c->x);
        c->last = c->looked + 1;
        c->early =
            c->early || json_object_get(event, "wrong") != NULL || out_of_order(c, json_array_size(c->picked) - 1);
    }
}

static bool count_holds(struct consuming *c, bool *over)
{
    const struct node *count = node_get(c->step, "count");
    int64_t n = (int64_t)json_array_size(c->picked);
    *over = false;
    if (c->wanted >= 0) {
        *over = n > c->wanted;
        return n == c->wanted;
    }
    json_t *value = json_integer(n);
    bool holds = value != NULL ? would_match(c->x, count, value) : flow_memory(c->x) == 0;
    json_decref(value);
    *over = !holds && count_exceeds(c->x, count, n);
    return holds;
}

/* Nothing that may still come changes the verdict, or it is good. */
static bool decided(void *arg)
{
    struct consuming *c = arg;
    bool over;
    look(c);
    bool holds = count_holds(c, &over);
    text_clear(&c->ended);
    c->early = c->early || over || c->x->error.code != 0 || feed_ended(c->feed, &c->ended);
    return c->early || (holds && node_get(c->step, "during") == NULL);
}

/* ---- the step ---- */

static int too_few(struct consuming *c, uint64_t waited)
{
    const struct node *count = node_get(c->step, "count"), *topic = node_get(c->step, "consume");
    size_t n = json_array_size(c->picked), other = c->last < c->looked ? c->looked - n : 0;
    struct text text = TEXT_INIT;
    char time[32];
    units_format_duration((int64_t)waited, time, sizeof time);
    text_printf(&text, "%zu event%s came within %s", n, n == 1 ? "" : "s", time);
    if (c->wanted >= 0)
        text_printf(&text, ", expected %lld", (long long)c->wanted);
    if (other > 0)
        text_printf(&text, "; %zu other%s did not match \"where\"", other, other == 1 ? "" : "s");
    if (c->ended.len > 0)
        text_printf(&text, "; no more will come: %s", text_string(&c->ended));
    node_error(count != NULL ? count : topic, &c->x->error, ERROR_TIMEOUT, "%s", text_string(&text));
    text_deinit(&text);
    return ERROR_TIMEOUT;
}

static int wrong_payload(struct consuming *c)
{
    size_t i;
    json_t *event;
    json_array_foreach(c->picked, i, event)
    {
        const char *why = json_string_value(json_object_get(event, "wrong"));
        if (why != NULL)
            return node_error(node_get(c->step, "consume"), &c->x->error, ERROR_INVALID,
                              "the payload of event %zu is not of the topic's type: %s", i + 1, why);
    }
    return 0;
}

static int set_answer(struct consuming *c, uint64_t waited)
{
    struct flow_context *x = c->x;
    json_t *payloads = json_array(), *event;
    size_t i;
    bool ok = payloads != NULL;
    json_array_foreach(c->picked, i, event)
    {
        ok = ok && json_array_append(payloads, json_object_get(event, "payload")) == 0;
    }
    x->answer = json_pack("{s:I, s:O, s:o, s:f}", "count", (json_int_t)json_array_size(c->picked), "events", c->picked,
                          "payloads", payloads, "duration", (double)waited / (double)SECOND);
    ok = ok && x->answer != NULL;
    if (ok && node_get(c->step, "count") == NULL && json_array_size(c->picked) > 0) {
        event = json_array_get(c->picked, 0);
        ok = json_object_set(x->answer, "event", event) == 0 &&
             json_object_set(x->answer, "payload", json_object_get(event, "payload")) == 0 &&
             json_object_del(x->answer, "events") == 0 && json_object_del(x->answer, "payloads") == 0;
    }
    if (ok && json_array_size(c->passed) > 0 && x->error.code != 0)
        ok = json_object_set(x->answer, "passed_over", c->passed) == 0;
    return ok ? 0 : flow_memory(x);
}

/* `ack` of the step: what it took is done, or comes again. */
static int answer_events(struct consuming *c)
{
    const struct node *ack = node_get(c->step, "ack");
    struct error err = ERROR_INIT;
    int code = 0;
    size_t i;
    json_t *event;
    if (ack == NULL || ack->kind != NODE_BOOL)
        return 0;
    if (!feed_manual(c->feed))
        return flow_wrong(c->x, ack, ERROR_INVALID,
                          "these are acknowledged as they come: open the subscription with \"ack: manual\"");
    json_array_foreach(c->picked, i, event)
    {
        if (code == 0 && (code = feed_answer(c->feed, event, ack->boolean, &err)) != 0)
            node_error(ack, &c->x->error, code, "%s", err.message != NULL ? err.message : error_code_name(code));
    }
    error_clear(&err);
    return code;
}

static int wait_and_judge(struct consuming *c)
{
    struct flow_context *x = c->x;
    int64_t time = (int64_t)step_timeout(x, c->step);
    uint64_t start = world_now(x->target->world);
    bool over;
    node_may_duration(c->step, node_get(c->step, "during") != NULL ? "during" : "within", &time, NULL);
    if (time > 0)
        time = (int64_t)deadline_cap(x, (uint64_t)time);
    int code = decided(c) || time == 0 ? 0 : flow_wait(x, decided, c, (uint64_t)time);
    uint64_t waited = world_now(x->target->world) - start;
    if (code != 0 && code != ERROR_TIMEOUT)
        return error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    look(c);
    code = x->error.code != 0 ? x->error.code : wrong_payload(c); /* matching had no memory */
    bool holds = count_holds(c, &over);
    if (code == 0 && !holds && !over)
        tell_order(c);
    if (code == 0 && !holds && !c->told)
        code = too_few(c, waited);
    if (code == 0)
        code = answer_events(c);
    int answered = set_answer(c, waited);
    feed_take(c->feed, c->wanted < 0 || node_get(c->step, "during") != NULL ? c->looked : c->last);
    return code != 0 ? code : answered;
}

static int consume(struct flow_context *x, const struct node *step, struct feed *feed)
{
    const struct node *count = node_get(step, "count");
    struct consuming c = {
        .x = x, .step = step, .feed = feed, .picked = json_array(), .passed = json_array(), .wanted = 1};
    json_t *value = count != NULL && !is_matcher(count) ? expand_node(x, count) : NULL;
    int code = c.picked != NULL && c.passed != NULL ? x->error.code : flow_memory(x);
    if (count != NULL)
        c.wanted = value != NULL ? json_integer_value(value) : -1;
    if (code == 0 && value != NULL && (!json_is_integer(value) || c.wanted < 0))
        code = flow_wrong(x, count, ERROR_INVALID, "\"count\" is a number, or a matcher like {$min: 1}");
    if (code == 0)
        code = wait_and_judge(&c);
    json_decref(value);
    json_decref(c.picked);
    json_decref(c.passed);
    text_deinit(&c.ended);
    return code;
}

/* ---- opening ---- */

/* now, start, unix seconds, or {after: ID}. */
static int read_from(struct flow_context *x, const struct node *n, struct feed_wish *wish, char **after)
{
    if (n == NULL)
        return 0;
    if (n->kind == NODE_MAP) {
        *after = expand_text(x, node_get(n, "after"));
        wish->after = *after;
        wish->offset = 0;
        return *after != NULL ? 0 : x->error.code;
    }
    json_t *value = expand_node(x, n);
    double seconds;
    if (value == NULL)
        return x->error.code;
    const char *word = json_string_value(value);
    int code = 0;
    if (word != NULL && strcmp(word, "now") == 0)
        wish->offset = 0;
    else if (word != NULL && strcmp(word, "start") == 0)
        wish->offset = 1;
    else if (flow_value_real(value, &seconds) && seconds >= 1 && seconds < 1e15)
        wish->offset = (int64_t)seconds;
    else
        code = flow_wrong(x, n, ERROR_INVALID, "\"from\" is now, start, unix seconds, or {after: ID}");
    json_decref(value);
    return code;
}

static int open_feed(struct flow_context *x, const struct node *step, const char *topic, const char *name,
                     struct feed **out)
{
    const struct node *group = node_get(step, "group");
    const char *via = "events";
    struct feed_wish wish = {
        .name = name, .topic = topic, .group = "", .after = "", .ack_wait = ACK_WAIT, .retry_limit = -1};
    const struct node *ack = node_get(step, "ack"), *limit = node_get(step, "retry_limit");
    char *own_group = group != NULL ? expand_text(x, group) : NULL, *after = NULL;
    node_may_text(step, "via", &via, NULL);
    wish.broker = strcmp(via, "broker") == 0;
    wish.manual = ack != NULL && ack->kind == NODE_TEXT;
    node_may_duration(step, "ack_wait", &wish.ack_wait, NULL);
    wish.retry_limit = limit != NULL ? limit->integer : wish.retry_limit;
    int code = group != NULL && own_group == NULL ? x->error.code : 0;
    if (own_group != NULL)
        wish.group = own_group;
    if (code == 0)
        code = read_from(x, node_get(step, "from"), &wish, &after);
    if (code == 0)
        code = feed_open(x, step, &wish, out);
    free(own_group);
    free(after);
    return code;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *what = node_get(step, "consume"), *as = node_get(step, "as");
    bool open = false;
    node_may_bool(step, "open", &open, NULL);
    char *topic = expand_text(x, what), *own = topic != NULL && as != NULL ? expand_text(x, as) : NULL;
    const char *name = as != NULL ? own : topic;
    struct feed *f = name != NULL ? feed_find(x, name) : NULL;
    int code = name != NULL ? 0 : x->error.code;
    if (code == 0 && open && f != NULL)
        code = flow_wrong(x, what, ERROR_EXISTS, "\"%s\" is open already: name this one with \"as\"", name);
    else if (code == 0 && f == NULL && !open && node_get(step, "from") == NULL)
        code =
            flow_wrong(x, what, ERROR_NOT_FOUND,
                       "nothing called \"%s\" was opened: {consume: %s, open: true} in front of the step that causes "
                       "what should come, or \"from\" here",
                       name, topic);
    if (code == 0)
        text_printf(&x->sent, "consume %s", topic);
    if (code == 0 && f == NULL)
        code = open_feed(x, step, topic, name, &f);
    if (code == 0 && open)
        x->answer = json_object();
    else if (code == 0)
        code = consume(x, step, f);
    free(topic);
    free(own);
    return code;
}

/* ---- the kind ---- */

static int check_from(const struct node *from, struct error *err)
{
    static const char *const keys[] = {"after", NULL};
    if (from == NULL || from->kind != NODE_MAP)
        return 0;
    int code = node_only_keys(from, keys, err);
    return code == 0 && node_get(from, "after") == NULL
               ? node_error(from, err, ERROR_INVALID, "\"from\" is now, start, unix seconds, or {after: ID}")
               : code;
}

/* `ack: manual` and what goes with it where a subscription is opened; `ack: true` or false later. */
static int check_ack(const struct node *step, bool open, bool broker, struct error *err)
{
    static const char *const of_manual[] = {"ack_wait", "retry_limit"};
    const struct node *ack = node_get(step, "ack"), *limit = node_get(step, "retry_limit");
    bool manual = ack != NULL && ack->kind == NODE_TEXT && bytes_is(ack->text, "manual");
    int64_t wait;
    if (ack != NULL && broker)
        return node_error(ack, err, ERROR_INVALID, "the broker's messages are not acknowledged");
    if (ack != NULL && !manual && (open || ack->kind != NODE_BOOL))
        return node_error(ack, err, ERROR_INVALID, "\"ack\" is %s",
                          open ? "manual where a subscription is opened"
                               : "manual where one is opened, and true or false for what a later step took");
    if (manual && !open && node_get(step, "from") == NULL)
        return node_error(ack, err, ERROR_INVALID, "\"ack: manual\" belongs to the step that opens the subscription");
    for (size_t i = 0; i < 2; i++)
        if (node_get(step, of_manual[i]) != NULL && !manual)
            return node_error(node_get(step, of_manual[i]), err, ERROR_INVALID, "\"%s\" goes with \"ack: manual\"",
                              of_manual[i]);
    if (limit != NULL && (limit->kind != NODE_INTEGER || limit->integer < -1))
        return node_error(limit, err, ERROR_INVALID, "\"retry_limit\" is a number: -1 is without end");
    return node_may_duration(step, "ack_wait", &wait, err);
}

static int check(const struct flow *f, const struct node *step, const struct node *topic, struct error *err)
{
    static const char *const later[] = {"where", "count", "during", "within", "expect", "capture", NULL};
    const struct node *count = node_get(step, "count");
    bool open = false, broker;
    const char *via = "events";
    (void)f;
    if (topic->kind != NODE_TEXT || topic->text.len == 0)
        return node_error(topic, err, ERROR_INVALID, "\"consume\" takes a topic's name");
    int code = node_may_bool(step, "open", &open, err);
    for (size_t i = 0; open && code == 0 && later[i] != NULL; i++)
        if (node_get(step, later[i]) != NULL)
            code = node_error(node_get(step, later[i]), err, ERROR_INVALID,
                              "\"open\" only opens: \"%s\" belongs to a later step", later[i]);
    if (code == 0)
        code = check_via(step, err);
    node_may_text(step, "via", &via, NULL);
    broker = strcmp(via, "broker") == 0;
    if (code == 0 && broker && node_get(step, "from") != NULL)
        code = node_error(node_get(step, "from"), err, ERROR_INVALID, "the broker keeps nothing: open it before");
    if (code == 0)
        code = check_from(node_get(step, "from"), err);
    if (code == 0)
        code = check_ack(step, open, broker, err);
    if (code == 0 && count != NULL && count->kind != NODE_INTEGER && !is_matcher(count) && !has_variable(count))
        code = node_error(count, err, ERROR_INVALID, "\"count\" is a number, or a matcher like {$min: 1}");
    if (code == 0 && count != NULL && count->kind == NODE_INTEGER && count->integer == 0 &&
        node_get(step, "during") == NULL)
        code = node_error(count, err, ERROR_INVALID, "that nothing comes is only known after a while: \"during: 1s\"");
    if (code == 0 && node_get(step, "during") != NULL && count == NULL)
        code = node_error(node_get(step, "during"), err, ERROR_INVALID, "\"during\" goes with \"count\"");
    if (code == 0 && node_get(step, "during") != NULL && node_get(step, "within") != NULL)
        code = node_error(node_get(step, "within"), err, ERROR_INVALID,
                          "\"during\" waits the whole time, \"within\" until it holds: one of them");
    return code;
}

static const struct step_key keys[] = {
    {"open", SHAPE_FLAG, "only opens it: what comes from now on is for later steps"},
    {"as", SHAPE_ANY, "the name of the subscription; the topic's when nothing is said"},
    {"via", SHAPE_TEXT, "events (kept; when nothing is said) or broker (for whoever listens now)"},
    {"from", SHAPE_ANY, "now, start, unix seconds, or {after: ID}: what it begins with"},
    {"group", SHAPE_ANY, "events: a group that shares them; broker: a queue"},
    {"ack", SHAPE_ANY, "manual where it is opened; later true: what the step took is done, false: it comes again"},
    {"ack_wait", SHAPE_DURATION, "with manual: when an event comes again that nothing was said of; 30s"},
    {"retry_limit", SHAPE_ANY, "with manual: how often an event comes again; -1: without end"},
    {"where", SHAPE_EXPECTED, "which of them are looked at; the others are passed over"},
    {"count", SHAPE_EXPECTED, "how many; 1 when nothing is said"},
    {"during", SHAPE_DURATION, "waits this long and counts what came: for what must not come"},
    {"within", SHAPE_DURATION, "how long it may take until they have come; 10s when nothing is said"},
    {"expect", SHAPE_ANSWER, "members of what came"},
    {"capture", SHAPE_CAPTURES, "variables from what came, by path"},
    {0},
};
static const struct step_key answer[] = {
    {"count", SHAPE_EXPECTED, "how many came"},
    {"event", SHAPE_EXPECTED,
     "without `count`: {id, topic, timestamp, metadata, payload}; of the broker {metadata, payload}"},
    {"payload", SHAPE_EXPECTED, "without `count`: the event's, a value when it is JSON, else a text"},
    {"events", SHAPE_EXPECTED, "with `count`: the list, in their order"},
    {"payloads", SHAPE_EXPECTED, "with `count`: the list of their payloads"},
    {"duration", SHAPE_EXPECTED, "seconds until it was decided"},
    {0},
};
const struct step_kind kind_consume = {
    .name = "consume",
    .about = "Waits for what comes on a topic, of events or of the broker",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .waits = true,
};
