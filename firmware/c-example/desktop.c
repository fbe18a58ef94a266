// The example on a desktop: a socket, a file, the system's generator.
//
//   desktop PORT BUNDLE ARGUMENTS
#define _GNU_SOURCE
#include "app.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

struct host {
    uint16_t port;
    int socket;
};

static int32_t connect_host(void *context) {
    struct host *host = context;
    if (host->socket >= 0) {
        close(host->socket);
    }
    host->socket = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(host->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    setsockopt(host->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return connect(host->socket, (struct sockaddr *)&address, sizeof address);
}

static ptrdiff_t read_host(void *context, uint8_t *bytes, size_t capacity) {
    return read(((struct host *)context)->socket, bytes, capacity);
}

static ptrdiff_t write_host(void *context, const uint8_t *bytes, size_t length) {
    return send(((struct host *)context)->socket, bytes, length, MSG_NOSIGNAL);
}

static int32_t fill(void *context, uint8_t *bytes, size_t length) {
    (void)context;
    // Larger pieces may be cut short.
    for (size_t at = 0; at < length;) {
        size_t piece = length - at < 256 ? length - at : 256;
        if (getrandom(bytes + at, piece, 0) != (ssize_t)piece) {
            return -1;
        }
        at += piece;
    }
    return 0;
}

static void *memory(size_t length) {
    return aligned_alloc(SUBROSA_ALIGNMENT, (length + SUBROSA_ALIGNMENT - 1) &
                                                ~(size_t)(SUBROSA_ALIGNMENT - 1));
}

static void print(const char *text, size_t length) {
    fwrite(text, 1, length, stdout);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "desktop PORT BUNDLE ARGUMENTS\n");
        return 2;
    }
    FILE *file = fopen(argv[2], "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(argv[2]);
        return 2;
    }
    size_t length = (size_t)ftell(file);
    uint8_t *bundle = memory(length);
    rewind(file);
    if (!bundle || fread(bundle, 1, length, file) != length) {
        perror(argv[2]);
        return 2;
    }
    fclose(file);
    struct host host = {.port = (uint16_t)atoi(argv[1]), .socket = -1};
    struct app app = {
        .bundle = bundle,
        .bundle_length = length,
        .link = {.context = &host, .connect = connect_host, .read = read_host, .write = write_host},
        .entropy = {.fill = fill},
        .memory = memory,
        .print = print,
    };
    int status = app_run(&app, argv[3]);
    if (host.socket >= 0) {
        close(host.socket);
    }
    return status;
}
