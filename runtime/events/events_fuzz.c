/* Consumers' input: ids, the bits of a stored window, and a stream of acknowledgements, good ones and rubbish, against
 * a window that must stay whole. The input's first byte says how many numbers are held; then come records of one byte
 * (what) and, for an acknowledgement, one byte of length and a packed AckRequest. */
#include "proto/events/events.pb-c.h"
#include "runtime/events/log.h"
#include "runtime/events/window.h"
#include "wire/pb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t tag[EVENTS_TAG_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void round_trip(uint64_t number)
{
    char id[EVENTS_ID_SIZE];
    uint64_t back = 0;
    number &= EVENTS_NUMBER_MAX;
    events_id_format(tag, number, id);
    check(strlen(id) == EVENTS_ID_SIZE - 1);
    check(events_id_parse(tag, bytes_of(id), &back) && back == number);
}

/* As group.c does. */
static void acknowledge(struct window *w, struct window_list *list, struct bytes id, bool success)
{
    uint64_t number;
    if (!events_id_parse(tag, id, &number))
        return;
    const struct window_entry *e = window_at(w, number);
    if (!e || e->state == WINDOW_DONE)
        return;
    if (success)
        window_done(w, number);
    else if (e->state == WINDOW_HELD && e->list == list)
        window_wait(w, number, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct window w, loaded;
    struct window_list list = {0};
    struct text packed = TEXT_INIT;
    if (size == 0)
        return 0;
    check(window_load(&loaded, 1, BYTES(data, size)));
    check(window_valid(&loaded));
    window_deinit(&loaded);
    window_init(&w, 1);
    uint64_t count = data[0];
    for (uint64_t n = 1; n <= count; n++) {
        check(window_reserve(&w));
        window_hold(&w, n, &list, n, n);
    }
    for (size_t at = 1; at < size;) {
        uint8_t what = data[at++];
        if (what < 0x20) { /* give out again what waits */
            uint64_t number = window_waiting(&w);
            if (number)
                window_hold(&w, number, &list, 0, 0);
            continue;
        }
        if (what < 0x40) { /* the id of a number, made here: rubbish seldom parses */
            char id[EVENTS_ID_SIZE];
            events_id_format(tag, at < size ? data[at++] : 0, id);
            acknowledge(&w, &list, bytes_of(id), what & 1);
            round_trip((uint64_t)what * UINT64_C(0x9e3779b97f4a7c15) >> (at & 31));
        } else {
            struct arena arena = ARENA_INIT;
            ProtobufCMessage *m = NULL;
            size_t len = at < size ? data[at++] : 0;
            len = len < size - at ? len : size - at;
            if (pb_unpack(&events__ack_request__descriptor, BYTES(data + at, len), &arena, &m, NULL) == 0) {
                const Events__AckRequest *ack = (const Events__AckRequest *)(const void *)m;
                acknowledge(&w, &list, bytes_of(ack->id), ack->success);
            }
            at += len;
            arena_deinit(&arena);
        }
        check(window_valid(&w));
    }
    window_pack(&w, &packed);
    check(text_ok(&packed) && window_load(&loaded, w.position, text_bytes(&packed)));
    check(window_valid(&loaded) && loaded.position == w.position && loaded.next <= w.next);
    window_deinit(&loaded);
    window_deinit(&w);
    text_deinit(&packed);
    return 0;
}
