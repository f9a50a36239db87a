/* Seconds the checkers take, and bytes the history takes, for a register history with unique values, as a workload of N
 * clients over ten keys would write it: operations overlap, about half are writes, a few have unknown ends, all of it
 * legal.
 *
 *   check_bench [OPERATIONS]     default: 1,000,000
 *
 * Prints a table and one JSON line. The best of five rounds each, in processor time. */
#include "base/random.h"
#include "base/units.h"
#include "chaos/check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define OPERATIONS 1000000
#define ROUNDS     5
#define KEYS       10
#define STEP       1000 /* ns between two events */
#define INFO_EVERY 10000

/* A simulated register: each client's operation takes effect at one instant between its ends. */
static bool make_history(struct history *h, int64_t operations, int clients)
{
    struct random r;
    struct {
        int64_t index, value;
        int32_t process;
        bool effective;
    } *client = calloc((size_t)clients, sizeof *client);
    int64_t registers[KEYS] = {0}, next_value = 0, done = 0;
    int32_t next_process = clients;
    bool ok = client != NULL;
    random_seed(&r, 1);
    history_init(h);
    for (int i = 0; ok && i < clients; i++) {
        client[i].index = -1;
        client[i].process = i;
    }
    for (uint64_t now = 0; ok && done < operations; now += STEP) {
        int i = (int)random_below(&r, (uint64_t)clients);
        if (client[i].index < 0) {
            bool write = random_below(&r, 2) == 0;
            client[i].value = write ? ++next_value : 0;
            client[i].effective = false;
            client[i].index = history_invoke(h, client[i].process, write ? OPERATION_WRITE : OPERATION_READ,
                                             (uint32_t)random_below(&r, KEYS), client[i].value, now);
            ok = client[i].index >= 0;
            continue;
        }
        const struct operation *o = &h->operations[client[i].index];
        if (!client[i].effective) {
            client[i].effective = true;
            if (o->function == OPERATION_WRITE)
                registers[o->key] = client[i].value;
            else
                client[i].value = registers[o->key];
            continue;
        }
        bool info = o->function == OPERATION_WRITE && random_below(&r, INFO_EVERY) == 0;
        history_end(h, client[i].index, info ? END_INFO : END_OK, client[i].value, now);
        if (info)
            client[i].process = next_process++;
        client[i].index = -1;
        done++;
    }
    free(client);
    return ok;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The best of some rounds, or -1 when the checker is wrong about this legal history. */
static double measure(const struct history *h, bool lost)
{
    double best = -1;
    for (int i = 0; i < ROUNDS; i++) {
        struct check_result c;
        check_result_init(&c);
        double before = cpu_seconds();
        int code = lost ? check_lost_writes(h, h->count - h->count / 1000, &c) : check_register(h, &c);
        double took = cpu_seconds() - before;
        if (code != 0 || c.verdict != VERDICT_VALID) {
            fprintf(stderr, "check_bench: a legal history is called %s: %s\n", verdict_name(c.verdict), c.reason);
            return -1;
        }
        if (best < 0 || took < best)
            best = took;
    }
    return best;
}

int main(int argc, char **argv)
{
    int64_t operations = OPERATIONS;
    if (argc > 1 && units_parse_integer(argv[1], 1, INT32_MAX, &operations, NULL) != 0) {
        fprintf(stderr, "usage: check_bench [OPERATIONS]\n");
        return 2;
    }
    static const int clients[] = {4, 16, 64};
    printf("%8s %12s %14s %14s %16s\n", "clients", "operations", "register, s", "lost writes, s", "history, bytes");
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        struct history h;
        if (!make_history(&h, operations, clients[i]))
            return 1;
        double reg = measure(&h, false), lost = measure(&h, true);
        size_t bytes = h.capacity * sizeof *h.operations;
        printf("%8d %12zu %14.4f %14.4f %16zu\n", clients[i], h.count, reg, lost, bytes);
        printf("{\"bench\":\"check\",\"clients\":%d,\"operations\":%zu,\"register_s\":%.4f,\"lost_s\":%.4f,"
               "\"bytes\":%zu}\n",
               clients[i], h.count, reg, lost, bytes);
        history_deinit(&h);
        if (reg < 0 || lost < 0)
            return 1;
    }
    return 0;
}
