#include "world/network.h"
#include "world/real_internal.h"
#include "world/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_FILE       "/dev/net/tun"
#define TABLE_OUT      100 /* of routes: all that goes out over the device */
#define PRIORITY_OUT   1   /* of rules: ports that go out, */
#define PRIORITY_LOCAL 10  /* then what is local; the kernel has that one at 0 */
#define PACKETS_A_TURN 64  /* read before others have their turn */
#define COUNTS_MAX     ((size_t)16 << 10)

struct world_network {
    int fd;
};

struct world_tun {
    uv_poll_t poll;
    struct world *world;
    int fd;
    void (*packet)(void *arg, struct bytes packet);
    void *arg;
    bool closing;
};

static int failed(struct error *err, const char *what)
{
    int why = errno;
    return error_set(err, error_from_errno(why), "%s: %s", what, strerror(why));
}

static int refuse_simulated(struct world *w, struct error *err)
{
    return world_is_simulated(w) ? error_set(err, ERROR_UNSUPPORTED, "there are no packets in simulation") : 0;
}

/* ---- namespaces ---- */

static int home_open(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* This thread into the network (NULL: it stays); *home leads back. */
static int enter(const struct world_network *n, int *home, struct error *err)
{
    *home = -1;
    if (n == NULL)
        return 0;
    if ((*home = home_open()) < 0)
        return failed(err, "cannot hold our own network");
    if (setns(n->fd, CLONE_NEWNET) == 0)
        return 0;
    int code = failed(err, "cannot enter a network namespace");
    close(*home);
    return code;
}

/* A program that does not know in which network it is must not go on. */
static void leave(int home)
{
    if (home < 0)
        return;
    if (setns(home, CLONE_NEWNET) != 0)
        abort();
    close(home);
}

static int set_up(int control, const char *device, struct error *err)
{
    struct ifreq request = {.ifr_flags = IFF_UP};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%.15s", device);
    return ioctl(control, SIOCSIFFLAGS, &request) == 0 ? 0 : failed(err, "a network device cannot be switched on");
}

int world_network_new(struct world *w, struct world_network **out, struct error *err)
{
    int code = refuse_simulated(w, err), home = -1, control = -1;
    struct world_network *n = code == 0 ? malloc(sizeof *n) : NULL;
    if (n == NULL)
        return code != 0 ? code : error_set(err, ERROR_MEMORY, "out of memory");
    n->fd = -1;
    if ((home = home_open()) < 0) {
        code = failed(err, "cannot hold our own network");
    } else if (unshare(CLONE_NEWNET) != 0) {
        code = failed(err, "cannot make a network namespace");
        close(home);
    } else {
        n->fd = home_open();
        control = n->fd >= 0 ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
        code = control < 0 ? failed(err, "cannot use a network namespace") : set_up(control, "lo", err);
        leave(home);
    }
    if (control >= 0)
        close(control);
    if (code != 0)
        world_network_free(n);
    else
        *out = n;
    return code;
}

void world_network_free(struct world_network *n)
{
    if (n == NULL)
        return;
    if (n->fd >= 0)
        close(n->fd);
    free(n);
}

int real_network_descriptor(const struct world_network *n)
{
    return n->fd;
}

void world_network_path(const struct world_network *n, char *out, size_t size)
{
    snprintf(out, size, "/proc/%d/fd/%d", (int)getpid(), n->fd);
}

/* ---- rules and routes: rtnetlink(7) ---- */

struct request {
    struct nlmsghdr header;
    union {
        struct fib_rule_hdr rule;
        struct rtmsg route;
        struct nlmsgerr answer;
    } body;
    char room[256]; /* for attributes */
};

static void attribute(struct request *r, unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)(void *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), data, len);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static int ask(struct request *r, const char *what, struct error *err)
{
    struct request answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return failed(err, what);
    r->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    ssize_t n = send(fd, r, r->header.nlmsg_len, 0);
    if (n >= 0)
        n = recv(fd, &answer, sizeof answer, 0);
    int code = n < 0 ? failed(err, what) : 0;
    close(fd);
    if (code != 0)
        return code;
    if ((size_t)n < NLMSG_LENGTH(sizeof(int)) || answer.header.nlmsg_type != NLMSG_ERROR)
        return error_set(err, ERROR_PROTOCOL, "%s: the kernel gave no answer that is known", what);
    errno = -answer.body.answer.error;
    return errno == 0 ? 0 : failed(err, what);
}

static struct request rule_request(unsigned short type, unsigned char table, uint32_t priority)
{
    struct request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof r.body.rule), .nlmsg_type = type}};
    r.body.rule = (struct fib_rule_hdr){.family = AF_INET, .table = table, .action = FR_ACT_TO_TBL};
    if (type == RTM_NEWRULE)
        r.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    attribute(&r, FRA_PRIORITY, &priority, sizeof priority);
    return r;
}

static int route_out(int device, uint32_t address, struct error *err)
{
    struct request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof r.body.route),
                                   .nlmsg_type = RTM_NEWROUTE,
                                   .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL}};
    uint32_t source = htonl(address);
    r.body.route = (struct rtmsg){.rtm_family = AF_INET,
                                  .rtm_table = TABLE_OUT,
                                  .rtm_protocol = RTPROT_STATIC,
                                  .rtm_scope = RT_SCOPE_LINK,
                                  .rtm_type = RTN_UNICAST};
    attribute(&r, RTA_OIF, &device, sizeof device);
    attribute(&r, RTA_PREFSRC, &source, sizeof source);
    return ask(&r, "a route cannot be made", err);
}

/* What is local is looked for after our own rules: the one of the kernel's is put behind them. */
static int local_last(struct error *err)
{
    struct request behind = rule_request(RTM_NEWRULE, RT_TABLE_LOCAL, PRIORITY_LOCAL);
    struct request before = rule_request(RTM_DELRULE, RT_TABLE_LOCAL, 0);
    int code = ask(&behind, "a routing rule cannot be made", err);
    return code != 0 ? code : ask(&before, "a routing rule cannot be taken away", err);
}

int world_network_send_out(struct world *w, const struct world_network *n, uint16_t port, struct error *err)
{
    struct request r = rule_request(RTM_NEWRULE, TABLE_OUT, PRIORITY_OUT);
    const struct fib_rule_port_range range = {port, port};
    const uint32_t loopback = htonl(INADDR_LOOPBACK);
    const uint8_t tcp = IPPROTO_TCP;
    int home, code = refuse_simulated(w, err);
    r.body.rule.dst_len = 32;
    attribute(&r, FRA_DST, &loopback, sizeof loopback);
    attribute(&r, FRA_IIFNAME, "lo", sizeof "lo");
    attribute(&r, FRA_IP_PROTO, &tcp, sizeof tcp);
    attribute(&r, FRA_DPORT_RANGE, &range, sizeof range);
    if (code != 0 || (code = enter(n, &home, err)) != 0)
        return code;
    code = ask(&r, "a routing rule for a port cannot be made", err);
    leave(home);
    return code == ERROR_EXISTS ? 0 : code;
}

/* ---- devices ---- */

static int set_number(const char *family, const char *device, const char *name, const char *value, struct error *err)
{
    char path[160];
    snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, device, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? write(fd, value, 1) : -1;
    int code = n == 1 ? 0 : failed(err, path);
    if (fd >= 0)
        close(fd);
    return code;
}

static int set_address(int control, struct ifreq *request, const struct world_tun_config *c, struct error *err)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(c->address)};
    memcpy(&request->ifr_addr, &a, sizeof a);
    if (ioctl(control, SIOCSIFADDR, request) != 0)
        return failed(err, "a network device cannot be given its address");
    a.sin_addr.s_addr = htonl(c->prefix == 0 ? 0 : UINT32_MAX << (32 - c->prefix));
    memcpy(&request->ifr_netmask, &a, sizeof a);
    if (ioctl(control, SIOCSIFNETMASK, request) != 0)
        return failed(err, "a network device cannot be given its network");
    request->ifr_mtu = NETWORK_MTU;
    return ioctl(control, SIOCSIFMTU, request) == 0 ? 0 : failed(err, "a network device cannot be given its MTU");
}

/* Loopback addresses are taken and sent on it, and no more is asked of where a packet came from. */
static int allow_loopback(const char *device, struct error *err)
{
    static const char *const names[] = {"route_localnet", "accept_local"};
    int code = set_number("ipv4", "all", "rp_filter", "0", err);
    if (code == 0)
        code = set_number("ipv4", device, "rp_filter", "0", err);
    for (size_t i = 0; code == 0 && i < sizeof names / sizeof names[0]; i++)
        code = set_number("ipv4", device, names[i], "1", err);
    return code;
}

/* In the network the device is to be in. */
static int make_device(const struct world_tun_config *c, bool own, int *fd, struct error *err)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL)};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%.15s", c->name);
    if ((*fd = open(TUN_FILE, O_RDWR | O_CLOEXEC | O_NONBLOCK)) < 0)
        return failed(err, TUN_FILE);
    if (ioctl(*fd, TUNSETIFF, &request) != 0) {
        bool taken = errno == EBUSY;
        int code = failed(err, "a TUN device cannot be made");
        return taken ? ERROR_EXISTS : code;
    }
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int code = control < 0 ? failed(err, "no socket") : set_address(control, &request, c, err);
    if (code == 0) {
        (void)set_number("ipv6", c->name, "disable_ipv6", "1", NULL); /* where there is any */
        code = set_up(control, c->name, err);
    }
    if (code == 0 && own && ioctl(control, SIOCGIFINDEX, &request) != 0)
        code = failed(err, "a network device has no number");
    if (code == 0 && own && (code = allow_loopback(c->name, err)) == 0 &&
        (code = route_out(request.ifr_ifindex, c->address, err)) == 0)
        code = local_last(err);
    if (control >= 0)
        close(control);
    return code;
}

static void on_packets(uv_poll_t *poll, int status, int events)
{
    struct world_tun *t = poll->data;
    char *buffer = real_of(t->world)->read_buffer;
    (void)events;
    for (int i = 0; status == 0 && i < PACKETS_A_TURN && !t->closing; i++) {
        ssize_t n = read(t->fd, buffer, REAL_READ_BUFFER);
        if (n <= 0)
            return;
        if ((buffer[0] & 0xf0) == 0x40)
            t->packet(t->arg, BYTES(buffer, (size_t)n));
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct world_tun *t = handle->data;
    close(t->fd);
    free(t);
}

int world_tun_open(struct world *w, const struct world_network *in, const struct world_tun_config *c,
                   struct world_tun **out, struct error *err)
{
    int home, fd = -1, code = refuse_simulated(w, err);
    if (code != 0 || (code = enter(in, &home, err)) != 0)
        return code;
    code = make_device(c, in != NULL, &fd, err);
    leave(home);
    struct world_tun *t = code == 0 ? calloc(1, sizeof *t) : NULL;
    if (code == 0 && t == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0 && uv_poll_init(&real_of(w)->loop, &t->poll, fd) != 0)
        code = error_set(err, ERROR_IO, "a TUN device cannot be watched");
    if (code != 0) {
        if (fd >= 0)
            close(fd);
        free(t);
        return code;
    }
    t->world = w;
    t->fd = fd;
    t->packet = c->packet;
    t->arg = c->arg;
    t->poll.data = t;
    (void)uv_poll_start(&t->poll, UV_READABLE, on_packets);
    *out = t;
    return 0;
}

int world_tun_send(struct world_tun *t, struct bytes packet)
{
    ssize_t n;
    do
        n = write(t->fd, packet.data, packet.len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? error_from_errno(errno) : 0;
}

void world_tun_close(struct world_tun *t)
{
    if (t == NULL || t->closing)
        return;
    t->closing = true;
    uv_close((uv_handle_t *)&t->poll, on_closed);
}

/* ---- what was counted ---- */

/* The tables have a line of names and a line of numbers for each protocol. */
static uint64_t counted(const char *table, const char *protocol, const char *name)
{
    const char *names = strstr(table, protocol), *end = names != NULL ? strchr(names, '\n') : NULL;
    const char *numbers = end != NULL ? end + 1 : NULL;
    while (numbers != NULL && names < end) {
        size_t len = strcspn(names, " \n");
        if (len == strlen(name) && strncmp(names, name, len) == 0)
            return strtoull(numbers, NULL, 10);
        names += len + (names + len < end ? 1 : 0);
        numbers += strcspn(numbers, " \n");
        numbers += *numbers == ' ' ? 1 : 0;
        if (names + len > end || *numbers == '\n' || *numbers == '\0')
            break;
    }
    return 0;
}

static int read_table(struct world *w, int64_t process, const char *name, struct text *out, struct error *err)
{
    char path[64], piece[4096];
    (void)w;
    snprintf(path, sizeof path, "/proc/%lld/net/%s", (long long)process, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, path);
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0 && out->len < COUNTS_MAX)
        text_add(out, piece, (size_t)n);
    int code = n < 0 ? failed(err, path) : 0;
    close(fd);
    return code == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : code;
}

int world_network_counts(struct world *w, int64_t process, struct world_tcp_counts *out, struct error *err)
{
    struct text snmp = TEXT_INIT, more = TEXT_INIT;
    int code = refuse_simulated(w, err);
    *out = (struct world_tcp_counts){0};
    if (code == 0)
        code = read_table(w, process, "snmp", &snmp, err);
    if (code == 0)
        code = read_table(w, process, "netstat", &more, err);
    if (code == 0) {
        const char *s = text_string(&snmp), *m = text_string(&more);
        *out = (struct world_tcp_counts){.sent = counted(s, "Tcp:", "OutSegs"),
                                         .received = counted(s, "Tcp:", "InSegs"),
                                         .sent_again = counted(s, "Tcp:", "RetransSegs"),
                                         .bad = counted(s, "Tcp:", "InErrs"),
                                         .out_of_order = counted(m, "TcpExt:", "TCPOFOQueue"),
                                         .seen_twice = counted(m, "TcpExt:", "TCPDSACKOfoSent") +
                                                       counted(m, "TcpExt:", "TCPDSACKOldSent")};
    }
    text_deinit(&snmp);
    text_deinit(&more);
    return code;
}
