/* The input chooses a type and a defect, seeds the generator, and is itself the message that gets broken: scanning and
 * unpacking must survive whatever comes out, agree with each other, and refuse what must be refused. */
#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"
#include "proto/set.h"

#include <stdlib.h>
#include <string.h>

static struct pb_pool *pool;

static void drop_pool(void)
{
    pb_pool_free(pool);
}

static void look_at(const struct pb_type *t, struct bytes message, bool refuse)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    struct text packed = TEXT_INIT;
    int scanned = pb_scan(t->descriptor, message, NULL);
    int unpacked = pb_unpack(t->descriptor, message, &arena, &m, NULL);
    /* Of what the scan takes, the one thing protobuf-c cannot unpack is a message in pieces, and not always then. */
    if ((scanned == 0 ? unpacked != 0 && unpacked != ERROR_UNSUPPORTED : unpacked == 0) || (refuse && scanned == 0))
        abort();
    /* What was accepted can be packed, and is accepted again. */
    if (unpacked == 0 && (pb_pack(m, &packed) != 0 || pb_scan(t->descriptor, text_bytes(&packed), NULL) != 0))
        abort();
    text_deinit(&packed);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct random r;
    struct text broken = TEXT_INIT, valid = TEXT_INIT;
    uint64_t seed = 0;
    if (pool == NULL && (pb_pool_new(proto_set(), "set", &pool, NULL) != 0 || atexit(drop_pool) != 0))
        abort();
    if (size < 6)
        return 0;
    const struct pb_type *t = pb_type_at(pool, data[0] % pb_type_count(pool));
    const struct defect *d = defect_at(data[1] % defect_count());
    memcpy(&seed, data + 2, 4);
    random_seed(&r, seed);
    struct bytes message = BYTES(data + 6, size - 6);
    look_at(t, message, false);
    if (defect_apply(d, &r, t, message, &broken) && text_ok(&broken))
        look_at(t, text_bytes(&broken), false);
    text_clear(&broken);
    fuzz_generate(&r, t, &valid);
    if (defect_apply(d, &r, t, text_bytes(&valid), &broken) && text_ok(&broken))
        look_at(t, text_bytes(&broken), d->decoders == DECODERS_REFUSE);
    text_deinit(&broken);
    text_deinit(&valid);
    return 0;
}
