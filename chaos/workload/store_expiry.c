/* Records that expire: each value is a record of its own with 1 to 3 seconds to live, and listing their prefix reads
 * them all. A value is in the set from its write until its time is over, seen all the while and never after. Its end is
 * written down as a removal, by nobody's hand: invoked SLACK before the earliest instant the store's clock can mean,
 * and ended SLACK after the latest, both counted from the write.
 *
 * So the verdict is about the store's clock and the harness's: where a fault makes one of them jump or drift by more
 * than SLACK, what it finds is that records follow the clock. */
#include "base/units.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"
#include "chaos/workload/record_list.h"

#include <stdio.h>
#include <stdlib.h>

#define LIFE_MAX 3 /* seconds */
#define SLACK    ((uint64_t)(20 * MILLISECOND))

struct record { /* one that expires */
    struct workload *workload;
    struct record *next;
    struct world_timer timer;
    int64_t value, removal; /* operation, or -1: not begun */
    uint32_t key;
    uint64_t begins, ends; /* of the removal; `ends` TIME_NEVER: nobody knows when it was written */
};
struct client {
    struct record_list list;
    int64_t life;           /* seconds */
    struct record *writing; /* its record, until the end of the write is known */
};
struct state {
    struct record *records;
};

static void prefix_of(uint32_t key, char out[RECORD_TEXT_MAX])
{
    snprintf(out, RECORD_TEXT_MAX, "e%u.", key);
}

static void drop(struct state *s, struct record *r)
{
    struct record **at = &s->records;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    world_timer_stop(&r->timer);
    free(r);
}

static void on_time(void *arg)
{
    struct record *r = arg;
    struct state *s = workload_state(r->workload);
    struct history *h = workload_write(r->workload);
    uint64_t now = world_now(workload_target(r->workload)->world);
    if (r->removal < 0) {
        r->removal = history_invoke(h, workload_process(r->workload), OPERATION_REMOVE, r->key, r->value, now);
        if (r->removal >= 0 && r->ends != TIME_NEVER && r->ends > now) {
            world_timer_start(&r->timer, r->ends - now);
            return;
        }
        if (r->removal >= 0 && r->ends == TIME_NEVER)
            history_end(h, r->removal, END_INFO, VALUE_NIL, now);
    } else {
        history_end(h, r->removal, END_OK, VALUE_NIL, now);
    }
    for (int i = 0; i < workload_clients(r->workload); i++) {
        struct client *c = workload_client(r->workload, i)->state;
        if (c->writing == r)
            c->writing = NULL;
    }
    drop(s, r);
}

static struct workload_outcome written(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    enum operation_end end = workload_end_of_write(reply);
    uint64_t now = world_now(workload_target(c->workload)->world);
    if (own->writing != NULL && end == END_OK)
        own->writing->ends = now + (uint64_t)own->life * (uint64_t)SECOND + SLACK;
    if (own->writing != NULL && end == END_FAIL)
        drop(workload_state(c->workload), own->writing);
    own->writing = NULL;
    return (struct workload_outcome){end, VALUE_NIL};
}

static int begin_write(struct workload_client *c, uint32_t key)
{
    struct state *s = workload_state(c->workload);
    struct client *own = c->state;
    struct world *world = workload_target(c->workload)->world;
    char name[RECORD_TEXT_MAX];
    int64_t value = workload_value(c->workload);
    struct record *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ERROR_MEMORY;
    int code = workload_invoke(c, OPERATION_ADD, key, value);
    if (code != 0) {
        free(r);
        return code;
    }
    own->life = random_range(workload_random(c->workload), 1, LIFE_MAX);
    uint64_t life = (uint64_t)own->life * (uint64_t)SECOND;
    *r = (struct record){.workload = c->workload,
                         .next = s->records,
                         .value = value,
                         .removal = -1,
                         .key = key,
                         .begins = world_now(world) + life - SLACK,
                         .ends = TIME_NEVER};
    world_timer_init(&r->timer, world, on_time, r);
    world_timer_start(&r->timer, life - SLACK);
    s->records = own->writing = r;
    snprintf(name, sizeof name, "e%u.%lld", key, (long long)value);
    code = record_call_write(c, name, name, own->life, NULL, written);
    if (code != 0 && own->writing != NULL) {
        drop(s, own->writing);
        own->writing = NULL;
    }
    return code;
}

static struct workload_outcome listed(struct workload_client *c, const struct rpc_reply *reply)
{
    return record_list_end(c, &((struct client *)c->state)->list, reply);
}

static void on_keys(struct workload_client *c, struct bytes message)
{
    record_list_add(&((struct client *)c->state)->list, message);
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char prefix[RECORD_TEXT_MAX];
    prefix_of(key, prefix);
    return record_list(c, &((struct client *)c->state)->list, key, prefix, on_keys, listed);
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    bool read = random_below(r, 4) != 0;
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    return read ? begin_read(c, key) : begin_write(c, key);
}

static int prepare(struct workload *w, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return workload_client_states(w, sizeof(struct client), err);
}

/* Every time is over. */
static bool quiet(struct workload *w)
{
    const struct state *s = workload_state(w);
    return s->records == NULL;
}

static void release(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_clients(w); i++)
        if (workload_client(w, i)->state != NULL)
            record_list_deinit(&((struct client *)workload_client(w, i)->state)->list);
    while (s != NULL && s->records != NULL)
        drop(s, s->records);
    free(s);
}

const struct workload_kind workload_store_expiry = {
    .name = "store-expiry",
    .summary = "records with 1 to 3 seconds to live: listed until then, never after",
    .services = (const char *const[]){RECORD_SERVICE, NULL},
    .models = (const char *const[]){"set-elements", NULL},
    .waits = (uint64_t)LIFE_MAX * (uint64_t)SECOND,
    .clocks = true,
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
    .quiet = quiet,
    .release = release,
};
