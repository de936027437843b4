import AsyncHTTPClient

@main struct Stub_device {
    static func main() {}
}
