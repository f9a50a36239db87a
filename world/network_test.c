/* Networks and file systems of our own, and the programs that are run for them: what they do as root, how they are
 * refused without, and that nothing is left. */
#include "base/test.h"

#include "base/units.h"
#include "world/command.h"
#include "world/image.h"
#include "world/network.h"
#include "world/real.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS UINT32_C(0xc612fe02) /* 198.18.254.2 */
#define PORT    20321
#define MINE    "198.18.254.2"
#define WITHIN  ((uint64_t)(20 * SECOND))
#define IMAGE   ((uint64_t)8 << 20)

static struct world *world;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(world_real_new(1, &world, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_real_free(world);
    return 0;
}

/* ---- programs ---- */

static void test_command(void **state)
{
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    const char *const echo[] = {"sh", "-c", "cat; echo \"$0\"", "there", NULL};
    assert_int_equal(
        world_command_run(world, &(struct world_command){.argv = echo, .input = bytes_of("here\n")}, &out, NULL), 0);
    assert_string_equal(text_string(&out), "here\nthere\n");
    const char *const fails[] = {"sh", "-c", "echo first >&2; echo second >&2; exit 3", NULL};
    assert_int_equal(world_command_run(world, &(struct world_command){.argv = fails}, NULL, &err), ERROR_IO);
    assert_string_equal(err.message, "sh exited with code 3: first");
    error_clear(&err);
    const char *const hangs[] = {"sleep", "60", NULL};
    assert_int_equal(world_command_run(world,
                                       &(struct world_command){.argv = hangs, .within = 20 * (uint64_t)MILLISECOND},
                                       NULL, &err),
                     ERROR_TIMEOUT);
    error_clear(&err);
    const char *const none[] = {"/there/is/none", NULL};
    assert_int_equal(world_command_run(world, &(struct world_command){.argv = none}, NULL, NULL), ERROR_NOT_FOUND);
    text_deinit(&out);
}

struct heard {
    size_t packets;
    bool other; /* one came that was not for PORT */
    uint8_t last[100];
};

static void on_packet(void *arg, struct bytes packet)
{
    struct heard *h = arg;
    h->packets++;
    memcpy(h->last, packet.data, packet.len < sizeof h->last ? packet.len : sizeof h->last);
    h->other |= (h->last[22] << 8 | h->last[23]) != PORT;
}

static bool has_heard(void *arg)
{
    return ((const struct heard *)arg)->packets > 0;
}

/* ---- refused ---- */

static void test_refused(void **state)
{
    struct sim *s = sim_new(&(struct sim_options){.seed = 1});
    struct world *simulated = sim_node(s, "n");
    struct world_network *n = NULL;
    struct world_image i;
    struct world_tcp_counts counts;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(world_network_new(simulated, &n, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(world_network_counts(simulated, 1, &counts, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(world_image_make(simulated, NULL, "/tmp", IMAGE, &i, NULL), ERROR_UNSUPPORTED);
    sim_free(s);
    world_network_free(NULL);
    world_tun_close(NULL);
    if (!machine_is_root()) {
        const struct world_tun_config config = {.name = "net0", .address = ADDRESS, .prefix = 24, .packet = on_packet};
        struct world_tun *tun;
        assert_int_equal(world_tun_open(world, NULL, &config, &tun, &err), ERROR_DENIED);
        error_clear(&err);
        assert_int_equal(world_network_new(world, &n, &err), ERROR_DENIED);
        error_clear(&err);
        assert_int_equal(world_image_make(world, NULL, "/tmp", IMAGE, &i, &err), ERROR_DENIED);
        error_clear(&err);
    }
    assert_int_equal(world_network_counts(world, getpid(), &counts, NULL), 0);
    assert_int_not_equal(world_network_counts(world, -1, &counts, NULL), 0);
}

/* ---- networks ---- */

static void run_in(struct world_network *n, const char *script, struct text *out)
{
    const char *const argv[] = {"bash", "-c", script, NULL};
    text_clear(out);
    (void)world_command_run(world, &(struct world_command){.argv = argv, .network = n}, out, NULL);
}

static void test_network(void **state)
{
    struct world_network *n;
    struct world_tun *tun, *second;
    struct heard heard = {0};
    struct text out = TEXT_INIT;
    struct error err = ERROR_INIT;
    char path[64];
    (void)state;
    if (!machine_is_root()) {
        print_message("             skipped: it needs root\n");
        return;
    }
    if (world_network_new(world, &n, &err) != 0) {
        print_message("             skipped: %s\n", err.message);
        error_clear(&err);
        return;
    }
    const struct world_tun_config config = {
        .name = "net0", .address = ADDRESS, .prefix = 24, .packet = on_packet, .arg = &heard};
    assert_int_equal(world_tun_open(world, n, &config, &tun, NULL), 0);
    assert_int_equal(world_tun_open(world, n, &config, &second, NULL), ERROR_EXISTS);
    /* It is another network than ours, with what we put there. */
    run_in(n, "tail -n +3 /proc/net/dev | cut -d: -f1 | sort | tr -d ' \\n'", &out);
    assert_string_equal(text_string(&out), "lonet0\n");
    assert_int_not_equal(access("/sys/class/net/net0", F_OK), 0);
    world_network_path(n, path, sizeof path);
    assert_int_equal(access(path, F_OK), 0);
    /* What is said to a port of 127.0.0.1 stays until it is sent out; then it comes to us, from the address. */
    run_in(n, "(echo > /dev/tcp/127.0.0.1/20321) 2>&1 | grep -q refused && echo 1", &out);
    assert_string_equal(text_string(&out), "1\n");
    assert_int_equal(heard.packets, 0);
    assert_int_equal(world_network_send_out(world, n, PORT, NULL), 0);
    assert_int_equal(world_network_send_out(world, n, PORT, NULL), 0); /* again is fine */
    static const char *const says[] = {"bash", "-c", "echo > /dev/tcp/127.0.0.1/20321", NULL};
    static const struct world_process_events none = {0};
    struct world_process *caller;
    const struct world_spawn spawn = {.name = "caller", .argv = says, .network = n};
    assert_int_equal(world_process_spawn(world, &spawn, &none, NULL, &caller, NULL), 0);
    assert_int_equal(world_run_until(world, has_heard, &heard, WITHIN), 0);
    world_process_close(caller);
    assert_int_equal(heard.last[9], 6);
    assert_memory_equal(heard.last + 12, "\xc6\x12\xfe\x02\x7f\0\0\1", 8);
    /* Another port does not; the first one's caller may have said it twice. */
    run_in(n, "(echo > /dev/tcp/127.0.0.1/20322) 2>&1 | grep -q refused && echo 1", &out);
    assert_string_equal(text_string(&out), "1\n");
    assert_int_equal(heard.last[22] << 8 | heard.last[23], PORT);
    assert_false(heard.other);
    assert_int_equal(world_tun_send(tun, BYTES(heard.last, 60)), 0);
    assert_int_not_equal(world_tun_send(tun, BYTES("\x10 no IP", 6)), 0);
    world_tun_close(tun);
    world_network_free(n);
    text_deinit(&out);
}

/* ---- images ---- */

static void test_image(void **state)
{
    char folder[] = "/tmp/harrow-image-test-XXXXXX", path[128];
    struct world_image i;
    struct world_file *f;
    struct error err = ERROR_INIT;
    (void)state;
    if (!machine_is_root()) {
        print_message("             skipped: it needs root\n");
        return;
    }
    assert_non_null(mkdtemp(folder));
    int code = world_image_make(world, NULL, folder, IMAGE, &i, &err);
    if (code == 0)
        code = world_image_mount(world, &i, &err);
    if (code != 0) {
        print_message("             skipped: %s\n", err.message);
        error_clear(&err);
        rmdir(folder);
        return;
    }
    snprintf(path, sizeof path, "%s/file", folder);
    assert_int_equal(world_file_open(world, path, WORLD_WRITE | WORLD_CREATE, &f, NULL), 0);
    assert_int_equal(world_image_unmount(world, &i, NULL), ERROR_IN_USE);
    assert_int_equal(world_image_cut(world, &i, NULL), 0);
    assert_true(world_file_append(f, "x", 1) < 0); /* nobody writes any more */
    world_file_close(f);
    assert_int_equal(world_image_unmount(world, &i, NULL), 0);
    assert_int_equal(world_image_unmount(world, &i, NULL), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(world_image_mount(world, &i, NULL), 0);
    assert_int_equal(world_image_unmount(world, &i, NULL), 0);
    world_image_close(&i);
    assert_int_equal(rmdir(folder), 0);
    struct world_stat stat;
    assert_int_equal(world_image_make(world, "/there/is/none", folder, IMAGE, &i, NULL), ERROR_NOT_FOUND);
    assert_int_equal(world_stat(world, folder, &stat), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_command), TEST(test_refused), TEST(test_network), TEST(test_image)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
