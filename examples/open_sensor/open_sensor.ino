// An open sensor for Eccentra on an ESP32: a load cell with an HX711, or an MPU-6050. Protocol: docs/open-sensor.md.
//
// Needs the ESP32 board package (its BLE library); FORCE also the library "HX711" by Bogdan Necula.
// Not tried on hardware by the project: please report what you find.

#define FORCE 1  // 1: HX711, 0: MPU-6050

#include <BLE2902.h>
#include <BLEDevice.h>
#include <BLEServer.h>

static const char *NAME = "Eccentra 0001";  // give every unit a name of its own
static const char *SERVICE = "ecce0001-0f4e-4b6a-9d58-3a7c21e5b6f0";
static const char *DATA = "ecce0002-0f4e-4b6a-9d58-3a7c21e5b6f0";
static const char *CONTROL = "ecce0003-0f4e-4b6a-9d58-3a7c21e5b6f0";

static BLECharacteristic *data_char = nullptr;
static volatile bool connected = false;
static volatile bool streaming = false;
static uint16_t sample_number = 0;

// One packet: kind, count, number, time, samples. Both chips are little endian like the protocol.
static const uint8_t MOST = 4;
static uint8_t packet[8 + MOST * 12];
static uint8_t filled = 0;

static void answer(const uint8_t *bytes, size_t size) {
  data_char->setValue(const_cast<uint8_t *>(bytes), size);
  data_char->notify();
}

// Adds a sample that was taken at `micros_taken`; sends the packet when it is full.
static void add_sample(uint8_t kind, const void *sample, uint8_t size, uint32_t micros_taken, uint8_t most) {
  if (filled == 0) {
    packet[0] = kind;
    memcpy(packet + 2, &sample_number, 2);
    memcpy(packet + 4, &micros_taken, 4);
  }
  memcpy(packet + 8 + filled * size, sample, size);
  sample_number++;
  filled++;
  if (filled < most) return;
  packet[1] = filled;
  answer(packet, 8 + filled * size);
  filled = 0;
}

#if FORCE
#include <HX711.h>

static const int PIN_DATA = 16, PIN_CLOCK = 17;  // tie the HX711's RATE pin high for 80 Hz
static const uint16_t RATE_HZ = 80;
static const float ZERO_COUNTS = 0.0f;         // what it reads with nothing on it
static const float COUNTS_PER_NEWTON = 430.0f;  // (reading with a known weight - zero) / (kg * 9.80665)
static HX711 cell;

static void begin_sensor() { cell.begin(PIN_DATA, PIN_CLOCK); }

static void take_samples() {
  if (!cell.is_ready()) return;
  uint32_t taken = micros();
  float newton = (cell.read() - ZERO_COUNTS) / COUNTS_PER_NEWTON;
  add_sample(1, &newton, sizeof newton, taken, 3);  // 20 bytes: fits any MTU
}

#else
#include <Wire.h>

static const uint8_t MPU = 0x68;
static const uint16_t RATE_HZ = 100;
// 8 g over 4096 counts a g to 0.005 m/s2; 1000 deg/s over 32.8 counts a deg/s to 0.001 rad/s.
static const float ACC = 9.80665f / 4096.0f / 0.005f;
static const float GYR = 0.01745329252f / 32.8f / 0.001f;
static uint32_t next_micros = 0;

static void write_register(uint8_t number, uint8_t value) {
  Wire.beginTransmission(MPU);
  Wire.write(number);
  Wire.write(value);
  Wire.endTransmission();
}

static void begin_sensor() {
  Wire.begin();
  Wire.setClock(400000);
  write_register(0x6B, 0x01);  // awake, clock of the gyroscope
  write_register(0x1A, 0x03);  // low pass 44 Hz
  write_register(0x1B, 0x10);  // 1000 deg/s
  write_register(0x1C, 0x10);  // 8 g
}

static int16_t scaled(uint8_t high, uint8_t low, float factor) {
  float value = static_cast<int16_t>(high << 8 | low) * factor;
  if (value > 32767.0f) return 32767;
  if (value < -32768.0f) return -32768;
  return static_cast<int16_t>(lroundf(value));
}

static void take_samples() {
  if (static_cast<int32_t>(micros() - next_micros) < 0) return;
  next_micros += 1000000UL / RATE_HZ;
  if (static_cast<int32_t>(micros() - next_micros) > 100000) next_micros = micros();  // was held up
  Wire.beginTransmission(MPU);
  Wire.write(0x3B);
  if (Wire.endTransmission(false) != 0) return;
  uint32_t taken = micros();
  if (Wire.requestFrom(static_cast<int>(MPU), 14) != 14) return;
  uint8_t raw[14];
  for (uint8_t &byte : raw) byte = Wire.read();
  int16_t values[6];
  for (int i = 0; i < 3; i++) {
    values[i] = scaled(raw[2 * i], raw[2 * i + 1], ACC);
    values[3 + i] = scaled(raw[8 + 2 * i], raw[9 + 2 * i], GYR);  // between them: temperature
  }
  add_sample(2, values, sizeof values, taken, 1);
}
#endif

// Commands are carried out by loop(), so that all notifications come from one task.
static uint8_t command[3];
static volatile size_t command_size = 0;

static void carry_out() {
  uint8_t code = command[0], status = 0;
  if (code == 0x01 && command_size == 3) {
    uint16_t hz = command[1] | command[2] << 8;
    status = hz == 0 || hz == RATE_HZ ? 0 : 1;
    if (status == 0) {
      filled = 0;
      streaming = true;
    }
  } else if (code == 0x02) {
    streaming = false;
  } else if (code == 0x03) {
    const uint8_t said[] = {0x80, 0x03, 100};  // read your battery here
    answer(said, sizeof said);
    return;
  } else if (code == 0x04) {
    const uint8_t said[] = {0x80, 0x04, 's', 'k', 'e', 't', 'c', 'h', ' ', '1'};
    answer(said, sizeof said);
    return;
  } else {
    status = 2;
  }
  const uint8_t said[] = {0x80, code, status};
  answer(said, sizeof said);
}

class Control : public BLECharacteristicCallbacks {
  void onWrite(BLECharacteristic *characteristic) override {
    size_t size = characteristic->getLength();
    if (size == 0 || command_size != 0) return;
    memcpy(command, characteristic->getData(), size < sizeof command ? size : sizeof command);
    command_size = size;
  }
};

class Server : public BLEServerCallbacks {
  void onConnect(BLEServer *) override { connected = true; }
  void onDisconnect(BLEServer *) override {
    connected = streaming = false;
    command_size = 0;
    BLEDevice::startAdvertising();
  }
};

void setup() {
  begin_sensor();
  BLEDevice::init(NAME);
  BLEServer *server = BLEDevice::createServer();
  server->setCallbacks(new Server());
  BLEService *service = server->createService(SERVICE);
  data_char = service->createCharacteristic(DATA, BLECharacteristic::PROPERTY_NOTIFY);
  data_char->addDescriptor(new BLE2902());
  BLECharacteristic *control = service->createCharacteristic(
      CONTROL, BLECharacteristic::PROPERTY_WRITE | BLECharacteristic::PROPERTY_WRITE_NR);
  control->setCallbacks(new Control());
  service->start();
  BLEDevice::getAdvertising()->addServiceUUID(SERVICE);
  BLEDevice::getAdvertising()->setScanResponse(true);  // the name does not fit beside the service
  BLEDevice::startAdvertising();
}

void loop() {
  if (command_size != 0) {
    carry_out();
    command_size = 0;
  }
  if (connected && streaming) take_samples();
}
