// SPDX-License-Identifier: Apache-2.0
//
// The physical limit of a relay: what one client sends, all others are sent, with nothing but epoll, recv and send.
// Knows no accounts, no frames (a client is given bytes from where it was to the newest), and keeps nothing: a client
// that falls a whole ring behind is cut off.
//
//   epoll_broadcaster PORT

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RING = 1 << 23, CLIENTS = 20000, EVENTS = 1024 };

static char ring[RING];
// Bytes that were ever received; what is at position p lies at ring[p % RING].
static uint64_t head;

struct client {
    uint64_t position;
    int is_open;
    int waits_for_room;
};

// By descriptor.
static struct client clients[CLIENTS];
static int highest;
static int poller;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int descriptor, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    if (epoll_ctl(poller, operation, descriptor, &event) < 0) fail("epoll_ctl");
}

static void drop(int descriptor) {
    clients[descriptor].is_open = 0;
    close(descriptor);
}

static void send_news(int descriptor) {
    struct client *client = &clients[descriptor];
    while (client->position < head) {
        if (head - client->position > RING) {
            drop(descriptor);
            return;
        }
        size_t start = client->position % RING;
        size_t length = head - client->position;
        if (length > RING - start) length = RING - start;
        ssize_t sent = send(descriptor, ring + start, length, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) {
                drop(descriptor);
            } else if (!client->waits_for_room) {
                client->waits_for_room = 1;
                watch(descriptor, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            }
            return;
        }
        client->position += sent;
    }
    if (client->waits_for_room) {
        client->waits_for_room = 0;
        watch(descriptor, EPOLL_CTL_MOD, EPOLLIN);
    }
}

// Takes what a client sent, and gives it to all others.
static void receive(int sender) {
    size_t start = head % RING;
    ssize_t count = recv(sender, ring + start, RING - start, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN) drop(sender);
        return;
    }
    head += count;
    // One that still waits for room for what came before goes on from there.
    if (clients[sender].position == head - count) clients[sender].position = head;
    for (int other = 0; other <= highest; other++) {
        if (other != sender && clients[other].is_open && !clients[other].waits_for_room) send_news(other);
    }
}

static void welcome(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        if (descriptor >= CLIENTS) {
            close(descriptor);
            return;
        }
        int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        clients[descriptor] = (struct client){.position = head, .is_open = 1};
        if (descriptor > highest) highest = descriptor;
        watch(descriptor, EPOLL_CTL_ADD, EPOLLIN);
        // So that a client knows that it is in.
        if (send(descriptor, "!", 1, MSG_NOSIGNAL) < 0) drop(descriptor);
    }
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(listener, 4096) < 0) fail("listen");
    return listener;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: epoll_broadcaster PORT\n");
        return 64;
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(atoi(arguments[1]));
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        static struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int descriptor = events[i].data.fd;
            if (descriptor == listener) {
                welcome(listener);
                continue;
            }
            if (clients[descriptor].is_open && events[i].events & EPOLLOUT) send_news(descriptor);
            if (clients[descriptor].is_open && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(descriptor);
        }
    }
}
