/* The input chooses a type and seeds the generator, and is itself the message that is mutated, with its second half as
 * the partner: nothing crashes in any lane, what the lane VALID gives out is valid whatever came in, a defect that
 * every decoder refuses is refused, and the tree agrees with the scan about what is clean. */
#include "fuzz/message/defect.h"
#include "fuzz/message/dictionary.h"
#include "fuzz/message/mutate.h"
#include "fuzz/message/wire_tree.h"
#include "wire/testdata/set.h"

#include <stdlib.h>
#include <string.h>

static struct pb_pool *pool;
static struct dictionary *dictionary;

static void drop(void)
{
    pb_pool_free(pool);
    dictionary_free(dictionary);
}

static void check_tree(const struct pb_type *t, struct bytes message)
{
    struct wire_node nodes[WIRE_TREE_NODES];
    struct wire_tree tree;
    struct text mended = TEXT_INIT;
    bool again = false, accepted = pb_scan(t->descriptor, message, NULL) == 0;
    wire_tree_read(&tree, nodes, WIRE_TREE_NODES, t, message, 0);
    for (uint32_t i = 0; i < tree.count; i++) {
        const struct wire_node *n = &nodes[i];
        again = again || (n->flags & NODE_AGAIN);
        if (n->start > n->value || n->value > n->data || n->data > n->end || n->end > message.len || n->next <= i ||
            n->next > tree.count || (i > 0 && n->parent >= i))
            abort();
    }
    if ((tree.clean && !accepted) || (!tree.clean && accepted && !again && !tree.full))
        abort();
    if (wire_tree_repair(t, message, &mended) != 0 || pb_scan(t->descriptor, text_bytes(&mended), NULL) != 0)
        abort();
    text_deinit(&mended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct random r;
    uint64_t seed = 0;
    if (pool == NULL && (pb_pool_new(test_set(), "set", &pool, NULL) != 0 || (dictionary = dictionary_new()) == NULL ||
                         atexit(drop) != 0))
        abort();
    if (size < 6)
        return 0;
    const struct pb_type *t = pb_type_at(pool, data[0] % pb_type_count(pool));
    memcpy(&seed, data + 1, 4);
    random_seed(&r, seed);
    struct bytes message = BYTES(data + 5, size - 5);
    check_tree(t, message);
    dictionary_learn(dictionary, t, message);
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct text out = TEXT_INIT;
        struct mutated did;
        struct mutation m = {.type = t,
                             .input = message,
                             .other = BYTES(message.data + message.len / 2, message.len - message.len / 2),
                             .other_type = t,
                             .max = (size_t)data[5] << 8,
                             .dictionary = data[4] & 1 ? dictionary : NULL};
        if (fuzz_mutate_message(&r, &m, (enum fuzz_lane)lane, &out, &did) != 0 || out.len > m.max)
            abort();
        bool accepted = pb_scan(t->descriptor, text_bytes(&out), NULL) == 0;
        if (lane == LANE_VALID && !accepted)
            abort();
        const struct defect *d = lane == LANE_NEAR_VALID && out.len > 0 ? defect_find(did.what) : NULL;
        if (d != NULL && d->decoders == DECODERS_REFUSE && accepted)
            abort();
        text_deinit(&out);
    }
    return 0;
}
