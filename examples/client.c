/* The hosts that peermon's daemon offers, with their load per core: a client of docs/protocol.md in plain C.
 *
 *     cc -std=c11 -Wall -o client examples/client.c && ./client [CLIENT-PORT]
 *
 * Exit code 0, or 1 with a line that says why. It asks over loopback TCP, so anybody could answer while the daemon is
 * down: before you rely on the answer, look at who listens, as section 2.1 says. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { UINT = 0, BYTES = 2, TEXT = 3, ARRAY = 4, SIMPLE = 7 };      /* section 1: the upper three bits */
enum { FALSE_ITEM = 20, TRUE_ITEM = 21, NULL_ITEM = 22 };
enum { REPLY_MAX = 8388608, NESTING_MAX = 8 };

static _Noreturn void fail(const char *why) {
    fprintf(stderr, "client: %s\n", why);
    exit(1);
}

/* --- CBOR ------------------------------------------------------------------------------------------------------- */

struct reader { const uint8_t *at, *end; };
struct item { int kind; uint64_t number; const uint8_t *bytes; };   /* bytes: of BYTES and TEXT, `number` of them */

static struct item next(struct reader *in) {
    struct item item = {0};
    if (in->at == in->end) fail("the reply ends too early");
    item.kind = *in->at >> 5;
    int low = *in->at++ & 31;
    int more = low < 24 ? 0 : low < 28 ? 1 << (low - 24) : -1;
    if (more < 0 || in->end - in->at < more) fail("the reply is no CBOR of peermon");
    if (more == 0) item.number = (uint64_t)low;
    while (more-- > 0) item.number = item.number << 8 | *in->at++;
    if (item.kind == BYTES || item.kind == TEXT) {
        if ((uint64_t)(in->end - in->at) < item.number) fail("the reply ends too early");
        item.bytes = in->at;
        in->at += item.number;
    }
    return item;
}

static struct item expect(struct reader *in, int kind) {
    struct item item = next(in);
    if (item.kind != kind) fail("a field is not what it should be");
    return item;
}

/* Steps over one item and all that is in it. */
static void skip(struct reader *in, int depth) {
    struct item item = next(in);
    if (depth > NESTING_MAX) fail("the reply nests too deep");
    if (item.kind == ARRAY)
        for (uint64_t left = item.number; left > 0; left--) skip(in, depth + 1);
}

/* A uint, or -1 where it is null: unknown. */
static double number_or_null(struct reader *in) {
    struct item item = next(in);
    if (item.kind == SIMPLE && item.number == NULL_ITEM) return -1;
    if (item.kind != UINT) fail("a field is not what it should be");
    return (double)item.number;
}

/* --- The table -------------------------------------------------------------------------------------------------- */

static void print_row(struct reader *in) {
    uint64_t fields = expect(in, ARRAY).number;
    if (fields < 15) fail("a row has too few fields");
    expect(in, BYTES);                                              /* 1 id */
    struct item name = expect(in, TEXT);                            /* 2 */
    skip(in, 0);                                                    /* 3 addresses */
    expect(in, UINT);                                               /* 4 port */
    uint64_t state = expect(in, UINT).number;                       /* 5: 0 fresh, 1 late */
    expect(in, UINT);                                               /* 6 age */
    double load = number_or_null(in);                               /* 7, hundredths */
    double pending = (double)expect(in, UINT).number;               /* 8, hundredths */
    double cores = number_or_null(in);                              /* 9 */
    skip(in, 0), skip(in, 0), skip(in, 0);                          /* 10 to 12 memory, uptime */
    int collector = expect(in, SIMPLE).number == TRUE_ITEM;         /* 13 */
    for (uint64_t field = 14; field <= fields; field++) skip(in, 0); /* labels, software, what is newer */
    if (state <= 1 && !collector && load >= 0 && cores > 0)
        printf("%-40.*s %8.2f\n", (int)name.number, (const char *)name.bytes, (load + pending) / 100 / cores);
}

static void print_table(struct reader *in) {
    uint64_t fields = expect(in, ARRAY).number;
    if (expect(in, UINT).number != 1) fail("the daemon speaks another version");
    uint64_t kind = expect(in, UINT).number;
    if (kind == 0) {
        struct item why = expect(in, TEXT);
        fprintf(stderr, "client: refused: %.*s\n", (int)why.number, (const char *)why.bytes);
        exit(1);
    }
    if (kind != 1 || fields < 7) fail("that is no table of hosts");
    for (int field = 1; field <= 4; field++) skip(in, 0);           /* own, interval, isolated, up */
    for (uint64_t rows = expect(in, ARRAY).number; rows > 0; rows--) print_row(in);
}

/* --- The daemon ------------------------------------------------------------------------------------------------- */

static void read_whole(int daemon, uint8_t *into, size_t length) {
    while (length > 0) {
        ssize_t got = read(daemon, into, length);
        if (got <= 0) fail("the daemon broke off");
        into += got;
        length -= (size_t)got;
    }
}

int main(int argc, char **argv) {
    static const uint8_t request[] = {0, 0, 0, 3, 0x82, 1, 0};      /* section 2.3: the table, please */
    struct timeval patience = {2, 0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char *end = NULL;
    long port = argc > 1 ? strtol(argv[1], &end, 10) : 1981;
    if (port < 1 || port > 65535 || (end && *end)) fail("the client port is a number from 1 to 65535");
    to.sin_port = htons((uint16_t)port);
    int daemon = socket(AF_INET, SOCK_STREAM, 0);
    if (daemon < 0 || setsockopt(daemon, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) fail("no socket");
    if (connect(daemon, (struct sockaddr *)&to, sizeof to) != 0) fail("no daemon answers: peermon query says more");
    if (write(daemon, request, sizeof request) != (ssize_t)sizeof request) fail("the daemon broke off");
    uint8_t head[4];
    read_whole(daemon, head, sizeof head);
    uint32_t length = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    if (length == 0 || length > REPLY_MAX) fail("that is no daemon of peermon");
    uint8_t *body = malloc(length);
    if (body == NULL) fail("no memory");
    read_whole(daemon, body, length);
    close(daemon);
    print_table(&(struct reader){body, body + length});
    free(body);
    return 0;
}
