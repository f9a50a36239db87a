#include "fuzz/cover/cover.h"

#include "base/array.h"
#include "fuzz/cover/cover_hooks.h"

#include "fuzz/cover/region.h"

#define FEATURE_SLOTS (COVER_FEATURES_MAX * 2)

struct cover {
    ARRAY(struct region) regions;
    size_t edges_all, edges_seen, pairs_seen;
    uint32_t *last_edges; /* edges_all of each */
    uint8_t *last_classes;
    /* Open addressing, 0 is an empty slot: a feature of that value is kept as 1. */
    uint64_t *features;
    size_t features_seen;
    uint64_t run_features[COVER_RUN_FEATURES_MAX];
    size_t run_feature_count;
};

struct cover *cover_new(void)
{
    struct cover *c = calloc(1, sizeof *c);
    if (c)
        c->features = calloc(FEATURE_SLOTS, sizeof *c->features);
    if (!c || !c->features) {
        free(c);
        return NULL;
    }
    return c;
}

void cover_free(struct cover *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->regions.count; i++)
        region_deinit(&c->regions.items[i]);
    array_deinit(&c->regions);
    free(c->last_edges);
    free(c->last_classes);
    free(c->features);
    free(c);
}

int cover_add_region(struct cover *c, uint8_t *start, uint8_t *end)
{
    size_t len = (size_t)(end - start), all = c->edges_all + len;
    if (len > COVER_EDGES_MAX || all > COVER_EDGES_MAX)
        return ERROR_LIMIT;
    if (!array_grow(&c->regions))
        return ERROR_MEMORY;
    uint32_t *edges = realloc(c->last_edges, (all + 1) * sizeof *edges);
    if (!edges)
        return ERROR_MEMORY;
    c->last_edges = edges;
    uint8_t *classes = realloc(c->last_classes, all + 1);
    if (!classes)
        return ERROR_MEMORY;
    c->last_classes = classes;
    struct region made;
    if (region_init(&made, start, len, c->edges_all))
        return ERROR_MEMORY;
    array_push(&c->regions, made);
    c->edges_all = all;
    return (int)(c->regions.count - 1);
}

int cover_move_region(struct cover *c, size_t region, uint8_t *start, uint8_t *end)
{
    if (region >= c->regions.count || (start && (size_t)(end - start) != c->regions.items[region].len))
        return ERROR_INVALID;
    c->regions.items[region].counters = start;
    return 0;
}

/* Programs without the hooks get this. */
__attribute__((weak)) size_t cover_modules(const struct cover_module **out);
__attribute__((weak)) size_t cover_modules(const struct cover_module **out)
{
    *out = NULL;
    return 0;
}

int cover_add_own(struct cover *c)
{
    const struct cover_module *modules;
    size_t count = cover_modules(&modules);
    for (size_t i = 0; i < count; i++) {
        int region = cover_add_region(c, modules[i].start, modules[i].end);
        if (region < 0)
            return region;
        c->regions.items[region].addresses = modules[i].addresses;
    }
    return count ? 0 : ERROR_NOT_FOUND;
}

void cover_reset(struct cover *c)
{
    c->run_feature_count = 0;
    for (size_t i = 0; i < c->regions.count; i++)
        if (c->regions.items[i].counters)
            region_reset(&c->regions.items[i]);
}

/* SplitMix64's last step: features are often small numbers beside each other. */
static size_t feature_slot(uint64_t feature)
{
    feature = (feature ^ (feature >> 30)) * 0xbf58476d1ce4e5b9;
    feature = (feature ^ (feature >> 27)) * 0x94d049bb133111eb;
    return (size_t)(feature ^ (feature >> 31)) & (FEATURE_SLOTS - 1);
}

/* True when it was not there (and now is, with `keep`). Beyond COVER_FEATURES_MAX nothing is new. */
static bool feature_new(struct cover *c, uint64_t feature, bool keep)
{
    size_t at = feature_slot(feature);
    while (c->features[at] && c->features[at] != feature)
        at = (at + 1) & (FEATURE_SLOTS - 1);
    if (c->features[at] || c->features_seen >= COVER_FEATURES_MAX)
        return false;
    if (keep) {
        c->features[at] = feature;
        c->features_seen++;
    }
    return true;
}

size_t cover_collect(struct cover *c, bool keep)
{
    size_t found = 0;
    for (size_t i = 0; i < c->regions.count; i++) {
        if (!c->regions.items[i].counters)
            continue;
        struct region_found fresh = region_collect(&c->regions.items[i], keep);
        found += fresh.pairs;
        if (keep) {
            c->pairs_seen += fresh.pairs;
            c->edges_seen += fresh.edges;
        }
    }
    for (size_t i = 0; i < c->run_feature_count; i++)
        found += feature_new(c, c->run_features[i], keep);
    return found;
}

static size_t list(struct cover *c, bool only_new, const uint32_t **edges, const uint8_t **classes)
{
    size_t count = 0;
    for (size_t n = 0; n < c->regions.count; n++)
        if (c->regions.items[n].counters)
            count += region_list(&c->regions.items[n], only_new, c->last_edges + count, c->last_classes + count);
    *edges = c->last_edges;
    *classes = c->last_classes;
    return count;
}

size_t cover_last(struct cover *c, const uint32_t **edges, const uint8_t **classes)
{
    return list(c, false, edges, classes);
}

size_t cover_last_new(struct cover *c, const uint32_t **edges, const uint8_t **classes)
{
    return list(c, true, edges, classes);
}

uint64_t cover_last_work(const struct cover *c)
{
    uint64_t work = 0;
    for (size_t i = 0; i < c->regions.count; i++)
        work += c->regions.items[i].counters ? c->regions.items[i].work : 0;
    return work;
}

size_t cover_last_features(const struct cover *c, const uint64_t **features)
{
    *features = c->run_features;
    return c->run_feature_count;
}

size_t cover_edges_seen(const struct cover *c)
{
    return c->edges_seen;
}

size_t cover_pairs_seen(const struct cover *c)
{
    return c->pairs_seen;
}

size_t cover_edges_all(const struct cover *c)
{
    return c->edges_all;
}

size_t cover_features_seen(const struct cover *c)
{
    return c->features_seen;
}

int cover_feature(struct cover *c, uint64_t feature)
{
    feature += feature == 0;
    for (size_t i = 0; i < c->run_feature_count; i++)
        if (c->run_features[i] == feature)
            return 0;
    if (c->run_feature_count == COVER_RUN_FEATURES_MAX)
        return ERROR_LIMIT;
    c->run_features[c->run_feature_count++] = feature;
    return 0;
}

static struct region *region_of(const struct cover *c, uint32_t edge)
{
    for (size_t i = 0; i < c->regions.count; i++)
        if (edge - c->regions.items[i].base < c->regions.items[i].len)
            return &c->regions.items[i];
    return NULL;
}

bool cover_last_has(const struct cover *c, const uint32_t *edges, const uint8_t *classes, size_t count)
{
    const struct region *r = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!r || edges[i] - r->base >= r->len)
            r = region_of(c, edges[i]);
        if (!r || !r->counters || (region_class(r, edges[i] - r->base) & classes[i]) != classes[i])
            return false;
    }
    return true;
}

size_t cover_mark(struct cover *c, const uint32_t *edges, const uint8_t *classes, size_t count)
{
    size_t found = 0;
    struct region *r = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!r || edges[i] - r->base >= r->len)
            r = region_of(c, edges[i]);
        if (!r)
            continue;
        uint8_t *seen = &r->seen[edges[i] - r->base];
        uint8_t fresh = classes[i] & (uint8_t) ~*seen;
        if (!fresh)
            continue;
        found += (size_t)__builtin_popcount(fresh);
        c->edges_seen += *seen == 0;
        c->pairs_seen += (size_t)__builtin_popcount(fresh);
        *seen |= fresh;
    }
    return found;
}

size_t cover_mark_features(struct cover *c, const uint64_t *features, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += feature_new(c, features[i] + (features[i] == 0), true);
    return found;
}

uintptr_t cover_edge_address(const struct cover *c, uint32_t edge)
{
    const struct region *r = region_of(c, edge);
    return r && r->addresses ? r->addresses[2 * (edge - r->base)] : 0;
}
