/* Links between nodes: cut or not, and how long bytes take. A table of rows per node, and the wildcard rules in force
 * for nodes that are made later. A node's link to itself is never cut and has its own short latency. */
#include "world/sim_internal.h"

#include <stdlib.h>
#include <string.h>

bool sim_link_cut(const struct sim_node *from, const struct sim_node *to)
{
    return to->index < from->links_count && from->links[to->index].cut;
}

uint64_t sim_link_latency(struct sim_node *from, const struct sim_node *to)
{
    struct sim *s = from->sim;
    uint64_t min = s->options.latency_min, max = s->options.latency_max;
    if (from == to) {
        min = SIM_LOOPBACK_MIN;
        max = SIM_LOOPBACK_MAX;
    } else if (to->index < from->links_count && from->links[to->index].latency_max > 0) {
        min = from->links[to->index].latency_min;
        max = from->links[to->index].latency_max;
    } else if (s->travel.latency_max > 0) {
        min = s->travel.latency_min;
        max = s->travel.latency_max;
    }
    return min + random_below(&s->network, max - min + 1);
}

/* The row's entry, grown on demand; NULL when memory runs out. */
static struct sim_link *link_entry(struct sim_node *from, const struct sim_node *to)
{
    if (to->index >= from->links_count) {
        size_t count = from->sim->nodes_count;
        struct sim_link *links = realloc(from->links, count * sizeof(*links));
        if (!links) {
            from->sim->broken = ERROR_MEMORY;
            return NULL;
        }
        memset(links + from->links_count, 0, (count - from->links_count) * sizeof(*links));
        from->links = links;
        from->links_count = count;
    }
    return &from->links[to->index];
}

static void rule_apply_pair(const struct sim_rule *rule, struct sim_node *from, const struct sim_node *to)
{
    if (from == to)
        return;
    struct sim_link *link = link_entry(from, to);
    if (!link)
        return;
    if (rule->kind == RULE_LATENCY) {
        link->latency_min = rule->latency_min;
        link->latency_max = rule->latency_max;
    } else {
        link->cut = rule->kind == RULE_CUT;
    }
}

static void rule_apply(struct sim *s, const struct sim_rule *rule)
{
    for (size_t i = 0; i < s->nodes_count; i++)
        for (size_t j = 0; j < s->nodes_count; j++)
            if ((!rule->from || rule->from == s->nodes[i]) && (!rule->to || rule->to == s->nodes[j]))
                rule_apply_pair(rule, s->nodes[i], s->nodes[j]);
}

void sim_rules_apply(struct sim_node *fresh)
{
    const struct sim *s = fresh->sim;
    for (const struct sim_rule *rule = s->rules; rule; rule = rule->next) {
        for (size_t i = 0; i < s->nodes_count; i++) {
            struct sim_node *other = s->nodes[i];
            if ((!rule->from || rule->from == fresh) && (!rule->to || rule->to == other))
                rule_apply_pair(rule, fresh, other);
            if ((!rule->from || rule->from == other) && (!rule->to || rule->to == fresh))
                rule_apply_pair(rule, other, fresh);
        }
    }
}

/* Later rules stand last; a rule for the same links and the same matter is replaced. */
static void rule_keep(struct sim *s, const struct sim_rule *rule)
{
    struct sim_rule **place = &s->rules;
    while (*place) {
        struct sim_rule *old = *place;
        bool same_matter = (old->kind == RULE_LATENCY) == (rule->kind == RULE_LATENCY);
        if (same_matter && old->from == rule->from && old->to == rule->to) {
            *place = old->next;
            free(old);
        } else {
            place = &old->next;
        }
    }
    struct sim_rule *kept = malloc(sizeof(*kept));
    if (!kept) {
        s->broken = ERROR_MEMORY;
        return;
    }
    *kept = *rule;
    kept->next = NULL;
    *place = kept;
}

static void rule_set(struct sim *s, struct sim_rule rule, const char *from, const char *to)
{
    rule.from = from ? node_of(sim_node(s, from)) : NULL;
    rule.to = to ? node_of(sim_node(s, to)) : NULL;
    if ((from && !rule.from) || (to && !rule.to)) {
        s->broken = ERROR_MEMORY;
        return;
    }
    rule_apply(s, &rule);
    if (!rule.from || !rule.to)
        rule_keep(s, &rule);
}

void sim_cut(struct sim *s, const char *from, const char *to, bool one_way)
{
    rule_set(s, (struct sim_rule){.kind = RULE_CUT}, from, to);
    if (!one_way)
        rule_set(s, (struct sim_rule){.kind = RULE_CUT}, to, from);
}

void sim_heal(struct sim *s, const char *from, const char *to)
{
    rule_set(s, (struct sim_rule){.kind = RULE_HEAL}, from, to);
    rule_set(s, (struct sim_rule){.kind = RULE_HEAL}, to, from);
    sim_net_healed(s);
}

void sim_heal_all(struct sim *s)
{
    sim_heal(s, NULL, NULL);
    struct sim_rule **place = &s->rules;
    while (*place) {
        struct sim_rule *old = *place;
        if (old->kind == RULE_LATENCY) {
            place = &old->next;
            continue;
        }
        *place = old->next;
        free(old);
    }
}

void sim_latency(struct sim *s, const char *from, const char *to, uint64_t min, uint64_t max)
{
    if (max < min)
        max = min;
    if (max == 0)
        max = 1; /* 0 would mean the default */
    struct sim_rule rule = {.kind = RULE_LATENCY, .latency_min = min, .latency_max = max};
    rule_set(s, rule, from, to);
    rule_set(s, rule, to, from);
}

void sim_network(struct sim *s, const struct sim_network *network)
{
    s->travel = *network;
    if (s->travel.latency_max < s->travel.latency_min)
        s->travel.latency_max = s->travel.latency_min;
    if (network->seed)
        random_seed(&s->network, network->seed);
}

void sim_rules_free(struct sim *s)
{
    while (s->rules) {
        struct sim_rule *next = s->rules->next;
        free(s->rules);
        s->rules = next;
    }
}
