@main struct Stub_tcp_client {
    static func main() {}
}
