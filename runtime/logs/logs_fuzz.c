/* The bytes are a log file somebody left behind. Reading it must end, give rising numbers, and a writer that comes
 * after must be able to add a record that is then the last one read. */
#include "base/log.h"
#include "runtime/logs/logs.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH "d/logs/n/s-1.log"

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void read_through(struct logs *l, int64_t count, bool written)
{
    const struct logs_query query = {.count = count};
    struct logs_reader *r = NULL;
    struct logs_record record;
    uint64_t last = 0;
    bool added = false;
    must(logs_reader_new(l, "n", "s-1", &query, true, &r, NULL) == 0);
    int rc;
    while ((rc = logs_read(r, &record)) == 1) {
        must(record.number > last);
        last = record.number;
        added = strcmp(record.message, "added") == 0;
    }
    must(rc == 0);
    must(!written || added || last == INT64_MAX);
    logs_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sim_options options = {.seed = 1, .steps_max = 10000};
    struct sim *sim = sim_new(&options);
    struct world *w = sim ? sim_node(sim, "n") : NULL;
    struct logs *l = NULL;
    struct logs_writer *writer = NULL;
    log_set_level(LOG_OFF);
    must(w && world_make_directory(w, "d/logs/n") == 0);
    must(world_write_file(w, PATH, BYTES(data, size), false, NULL) == 0);
    must(logs_new(w, "d", &l, NULL) == 0);
    read_through(l, 0, false);
    read_through(l, 3, false);
    must(logs_writer_new(l, "n", "s-1", 0, &writer, NULL) == 0);
    logs_write(writer, "stdout", 0, bytes_of("added"));
    read_through(l, 1, true);
    struct text message = TEXT_INIT;
    logs_message(BYTES(data, size), &message);
    must(text_ok(&message) && message.len <= 4 * LOGS_MESSAGE_MAX + 64);
    text_deinit(&message);
    logs_writer_free(writer);
    logs_free(l);
    sim_free(sim);
    return 0;
}
