/* The table of models, and the registers' entries in it. */
#include "chaos/check/frontier.h"
#include "chaos/check/search.h"
#include "chaos/check/witness.h"

#include <stdio.h>
#include <string.h>

static int check_unique_register(const struct history *h, const struct check_limits *limits, struct check_result *out,
                                 struct error *err)
{
    bool repeated = true;
    int code = limits->initial == VALUE_NIL ? check_zones_of(h, limits, &repeated, out) : 0;
    if (code != 0 || !repeated)
        return code;
    check_result_deinit(out);
    code = check_each_key(h, limits, frontier_key, NULL, out, err);
    if (code == 0 && out->verdict == VERDICT_VALID)
        snprintf(out->reason, sizeof out->reason, "values are not unique, so an order was searched for, and found");
    return code;
}

const struct check_model model_register = {
    .name = "register",
    .summary = "linearizable registers, a key each: read, write; near-linear when values are unique",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(READ) | KNOWS(WRITE),
    .check = check_unique_register,
    .twin = &machine_register,
};

const struct check_model model_cas_register = {
    .name = "cas-register",
    .summary = "linearizable registers, a key each: read, write, cas over any values; a failed cas saw another value",
    .functions = KNOWS(READ) | KNOWS(WRITE) | KNOWS(CAS),
    .check_key = frontier_key,
    .twin = &machine_register,
};

const struct check_model *const check_models[] = {&model_register,
                                                  &model_cas_register,
                                                  &model_session,
                                                  &model_convergence,
                                                  &model_set,
                                                  &model_set_elements,
                                                  &model_counter,
                                                  &model_mutex,
                                                  &model_lock,
                                                  &model_fencing,
                                                  &model_queue,
                                                  &model_unordered_queue,
                                                  &model_at_most_once,
                                                  &model_at_least_once,
                                                  &model_log,
                                                  &model_broker,
                                                  &model_pubsub,
                                                  &model_pubsub_reliable,
                                                  &model_watch,
                                                  &model_token,
                                                  &model_redeem_once,
                                                  &model_token_exact,
                                                  &model_redeem_once_exact,
                                                  &model_multi_register,
                                                  NULL};

const struct check_model *check_model_find(const char *name)
{
    for (size_t i = 0; check_models[i] != NULL; i++)
        if (strcmp(check_models[i]->name, name) == 0)
            return check_models[i];
    return NULL;
}

int check_judge(const struct check_model *m, const struct history *h, const struct check_limits *limits,
                struct check_result *out, struct error *err)
{
    return m->check != NULL ? m->check(h, limits, out, err)
                            : check_each_key(h, limits, m->check_key, m->with, out, err);
}

int check_run(const struct check_model *m, const struct history *h, const struct check_limits *limits,
              struct check_result *out, struct error *err)
{
    const struct check_limits usual = CHECK_LIMITS_DEFAULT;
    check_result_deinit(out);
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if ((m->functions >> o->function & 1) == 0)
            return error_set(err, ERROR_INVALID, "operation %zu is \"%s\", which the model \"%s\" does not know", i,
                             operation_function_name((enum operation_function)o->function), m->name);
    }
    if (limits == NULL)
        limits = &usual;
    struct budget b = budget_of(limits);
    bool fits = budget_take(&b, m->bytes * (h->count + h->lists.count));
    b.stopped = fits && limits->stop != NULL && limits->stop(limits->stop_arg);
    int code = fits && !b.stopped ? check_judge(m, h, limits, out, err) : ERROR_CANCELLED;
    if (code == 0 && out->verdict == VERDICT_INVALID && !out->minimal && m != &model_cas_register)
        code = witness_minimise(m, h, limits, out, err);
    if (code == ERROR_CANCELLED) {
        b.stopped = fits;
        budget_unknown(&b, out, 0, 0);
        return 0;
    }
    return code == ERROR_MEMORY ? error_set(err, ERROR_MEMORY, "no memory for the check") : code;
}

bool check_has_twin(const struct check_model *m)
{
    return m->twin != NULL || m->exhaustive != NULL;
}

int check_exhaustive(const struct check_model *m, const struct history *h, const struct check_limits *limits,
                     struct check_result *out, struct error *err)
{
    return m->twin != NULL ? search(m->twin, h, limits, out) : m->exhaustive(h, limits, out, err);
}
