/* Power cuts of real processes. A process that acknowledges what it wrote only when it is synced never loses it,
 * however it writes: at the end of a file, in its middle, by a new file that takes the name of the old. One that
 * acknowledges before loses some. And what nobody had synced is there in part, as on a disk.
 *
 *     world_power_test [ROUNDS]    of each kind
 */
#include "base/test.h"

#include "base/failing.h"
#include "world/false_clock.h"
#include "world/power.h"
#include "world/real.h"
#include "world/shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_DEFAULT 6
#define RECORD         32
#define PAGE           1024
#define SECTOR         512
#define PAGES          16
#define BODY           3000
#define LATE           16 /* who acknowledges before it syncs, syncs once for so many */
#define TRIES          100
#define ACKS           65536 /* bytes of what was not heard yet, at most */

static int rounds = ROUNDS_DEFAULT;

struct fixture {
    struct world *world;
    char folder[64];
};

/* ---- the process ---- */

enum kind { KIND_LOG, KIND_PAGES, KIND_REPLACE, KIND_SYNC_FLAG };
struct ack {
    int32_t number, page;
};

static void acknowledge(int out, int number, int page)
{
    const struct ack a = {number, page};
    if (write(out, &a, sizeof a) != sizeof a)
        _exit(0);
}

static void fill(char *out, size_t len, int number)
{
    for (size_t i = 0; i + 8 <= len; i += 8)
        snprintf(out + i, 9, "%07u", (unsigned)number % 10000000U); /* its end is written over by the next */
}

static void log_once(int out, int file, int number, bool early)
{
    char record[RECORD + 1];
    fill(record, RECORD, number);
    (void)!write(file, record, RECORD);
    if (early)
        acknowledge(out, number, 0);
    if (!early || number % LATE == 0)
        (void)!fdatasync(file);
    if (!early)
        acknowledge(out, number, 0);
}

static void page_once(int out, int file, int number, bool early)
{
    char page[PAGE + 1];
    fill(page, PAGE, number);
    (void)!pwrite(file, page, PAGE, (off_t)(number * 7 % PAGES) * PAGE);
    if (early)
        acknowledge(out, number, number * 7 % PAGES);
    if (!early || number % LATE == 0)
        (void)!fsync(file);
    if (!early)
        acknowledge(out, number, number * 7 % PAGES);
}

static void replace_once(int out, int folder, int number, bool early)
{
    char body[BODY + 8];
    fill(body, BODY, number);
    int file = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)!write(file, body, BODY);
    if (!early)
        (void)!fsync(file);
    close(file);
    (void)!rename("new", "data");
    if (early)
        acknowledge(out, number, 0);
    if (!early || number % LATE == 0)
        (void)!fsync(folder);
    if (!early)
        acknowledge(out, number, 0);
}

static void writer_main(const char *folder, enum kind kind, bool early, int out)
{
    static char zeros[PAGES * PAGE];
    if (chdir(folder) != 0)
        _exit(3);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    int flags = kind == KIND_LOG ? O_APPEND : kind == KIND_SYNC_FLAG && !early ? O_DSYNC : 0;
    int file = kind == KIND_REPLACE ? -1 : open("data", O_RDWR | O_CREAT | flags, 0600);
    if (kind == KIND_PAGES && (pwrite(file, zeros, sizeof zeros, 0) < 0 || fsync(file) != 0))
        _exit(3);
    for (int number = 1;; number++) {
        if (kind == KIND_LOG)
            log_once(out, file, number, early);
        else if (kind == KIND_PAGES)
            page_once(out, file, number, early);
        else if (kind == KIND_REPLACE)
            replace_once(out, here, number, early);
        else {
            char record[RECORD + 1];
            fill(record, RECORD, number);
            (void)!write(file, record, RECORD);
            acknowledge(out, number, 0);
            usleep(100);
        }
    }
}

struct writer {
    pid_t id;
    int input;
    struct world_foreign process;
    int32_t last[PAGES]; /* acknowledged */
};

static struct writer writer_start(const struct fixture *f, const char *folder, enum kind kind, bool early)
{
    int ends[2];
    struct writer w = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fcntl(ends[0], F_SETPIPE_SZ, ACKS); /* however large pages are, it does not get far ahead */
    fflush(NULL);
    w.id = fork();
    if (w.id == 0)
        writer_main(folder, kind, early, ends[1]);
    close(ends[1]);
    w.input = ends[0];
    assert_int_equal(world_foreign_by_id(f->world, w.id, &w.process, NULL), 0);
    return w;
}

static bool hear(struct writer *w)
{
    struct ack a;
    if (read(w->input, &a, sizeof a) != sizeof a)
        return false;
    w->last[a.page] = a.number;
    return true;
}

/* ---- what is left ---- */

static size_t slurp(const char *folder, char *out, size_t size)
{
    char path[200];
    snprintf(path, sizeof path, "%s/data", folder);
    int file = open(path, O_RDONLY);
    ssize_t n = file >= 0 ? read(file, out, size) : 0;
    if (file >= 0)
        close(file);
    return n > 0 ? (size_t)n : 0;
}

/* The number all of the bytes say; -1: not the same. */
static int number_in(const char *bytes, size_t len)
{
    char word[8] = "";
    memcpy(word, bytes, 7);
    for (size_t i = 8; i + 8 <= len; i += 8)
        if (memcmp(bytes, bytes + i, 7) != 0)
            return -1;
    return atoi(word);
}

static bool kept(const struct writer *w, enum kind kind, const char *content, size_t len)
{
    if (kind == KIND_REPLACE)
        return w->last[0] == 0 || (len >= BODY && number_in(content, BODY) >= w->last[0]);
    if (kind == KIND_PAGES) {
        for (int page = 0; page < PAGES; page++)
            for (int sector = 0; sector < PAGE / SECTOR; sector++)
                if (len < PAGES * PAGE || number_in(content + page * PAGE + sector * SECTOR, SECTOR) < w->last[page])
                    return false;
        return true;
    }
    for (int number = 1; number <= w->last[0]; number++)
        if ((size_t)number * RECORD > len || number_in(content + (number - 1) * RECORD, RECORD) != number)
            return false;
    return true;
}

/* Whether everything acknowledged is there. */
static bool round_of(const struct fixture *f, enum kind kind, bool early, enum sim_crash_keeps keeps, uint64_t seed)
{
    static char content[1 << 20];
    char folder[128];
    struct error err = ERROR_INIT;
    struct power *power;
    struct power_loss loss;
    snprintf(folder, sizeof folder, "%s/%llu", f->folder, (unsigned long long)seed);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct writer w = writer_start(f, folder, kind, early);
    for (int i = 0; i < 5; i++)
        assert_true(hear(&w));
    int code = power_record(f->world, &w.process, seed, &power, &err);
    if (code != 0)
        fail_msg("%s", err.message);
    /* What was acknowledged before, and some more. */
    int waiting = 0;
    assert_int_equal(ioctl(w.input, FIONREAD, &waiting), 0);
    for (uint64_t i = 0; i < (uint64_t)waiting / sizeof(struct ack) + 2 + seed % 4; i++)
        assert_true(hear(&w));
    usleep((unsigned)(seed * 7919 % 3000));
    if (power_cut(power, keeps, &loss, &err) != 0)
        fail_msg("%s", err.message);
    power_free(power);
    int status;
    assert_int_equal(waitpid(w.id, &status, 0), w.id);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (hear(&w)) {
    }
    close(w.input);
    if (loss.recorded == 0)
        fail_msg("kind %d, early %d: nothing was recorded", (int)kind, (int)early);
    bool all = kept(&w, kind, content, slurp(folder, content, sizeof content));
    assert_int_equal(world_remove_tree(f->world, folder), 0);
    return all;
}

static void test_acknowledged(void **state)
{
    static const enum sim_crash_keeps keeps[] = {SIM_CRASH_LOTS, SIM_CRASH_NOTHING, SIM_CRASH_TORN};
    const struct fixture *f = *state;
    uint64_t seed = 1;
    if (power_possible(f->world, NULL) != 0)
        skip();
    for (int kind = KIND_LOG; kind <= KIND_SYNC_FLAG; kind++) {
        int lost = 0;
        for (int i = 0; i < rounds; i++) {
            if (!round_of(f, (enum kind)kind, false, keeps[i % 3], seed++))
                fail_msg("kind %d, round %d: lost what was synced", kind, i);
            lost += round_of(f, (enum kind)kind, true, keeps[i % 3], seed++) ? 0 : 1;
        }
        /* Where it was in its work when the power went is chance. */
        for (int i = 0; i < TRIES && lost < rounds / 4; i++)
            lost += round_of(f, (enum kind)kind, true, keeps[i % 3], seed++) ? 0 : 1;
        if (lost < rounds / 4)
            fail_msg("kind %d: %d rounds lost something", kind, lost);
    }
}

/* Whichever allocation fails, ours or one of what traces for us: it is told, and the process goes on unharmed. */
static void test_memory(void **state)
{
    const struct fixture *f = *state;
    if (power_possible(f->world, NULL) != 0)
        skip();
    struct writer w = writer_start(f, f->folder, KIND_LOG, false);
    for (size_t n = 1; n < 12; n++) {
        struct power *power = NULL;
        uint64_t reads;
        failing_arm(n);
        int code = power_record(f->world, &w.process, n, &power, NULL);
        failing_disarm();
        assert_true(code == 0 || code == ERROR_MEMORY);
        assert_true(hear(&w));
        power_free(code == 0 ? power : NULL);
        failing_arm(n);
        code = false_clock_set(f->world, &w.process, &(struct false_clock){.offset = 1000000000}, NULL);
        failing_disarm();
        assert_true(code == 0 || code == ERROR_MEMORY);
        assert_true(hear(&w));
        assert_int_equal(false_clock_remove(f->world, &w.process, NULL), 0);
        assert_int_equal(false_clock_reads(f->world, &w.process, &reads, NULL), ERROR_NOT_FOUND);
        assert_true(hear(&w));
    }
    assert_int_equal(kill(w.id, SIGKILL), 0);
    assert_int_equal(waitpid(w.id, NULL, 0), w.id);
    close(w.input);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/harrow-power-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(world_real_new(1, &f->world, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    world_remove_tree(f->world, f->folder);
    world_real_free(f->world);
    free(f);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        rounds = atoi(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
