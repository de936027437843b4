#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures release builds beside the best known of their kind, on this machine:
#
#   run.sh relay        tcp_server beside NATS, Redis, Mosquitto and ngIRCd
#   run.sh device       devices: how soon they meet, what they carry, what they take
